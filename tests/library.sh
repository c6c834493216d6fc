#!/bin/sh
# libdifftf as others use it: a program of its own through pkg-config, and Python without a compiler; from where it is installed.
. tests/check.inc
build=${BUILD:-build}
case $build in
*sanitize*) # a library with sanitizers can be loaded by programs with them alone
    echo done
    exit
    ;;
esac
root=$tmp/root/usr
check "it is installed" 0 "" sh -c "make -s install BUILD='$build' DESTDIR='$tmp/root' PREFIX=/usr && echo"
export PKG_CONFIG_PATH="$root/lib/pkgconfig"
flags=$(pkg-config --cflags --libs --define-variable=prefix="$root" --define-variable=libdir="$root/lib" difftf)
# shellcheck disable=SC2086
check "the example compiles through pkg-config" 0 "" sh -c "cc -std=c11 -Wall -Wextra -Werror examples/attention.c $flags -o '$tmp/attention' && echo"
check "the header is C++, too" 0 "" sh -c "command -v c++ >/dev/null || { echo; exit; }; echo '#include <difftf.h>' | c++ -x c++ -fsyntax-only -I'$root/include' - && echo"
check "it prints a line a layer and token" 0 "layer 2  .*times" "$tmp/attention" models/diff-transformer "the best of times"
check "it says what is wrong" 3 "attention: /nowhere" "$tmp/attention" /nowhere text

nm -D --defined-only "$root/lib/difftf/libdifftf.so" | awk '{ print $3 }' | grep -v '^difftf_\|^[.]gomp' >"$tmp/others"
[ -s "$tmp/others" ] && echo "not ok only difftf_ is visible: $(tr '\n' ' ' <"$tmp/others")" || echo "ok only difftf_ is visible"
sed -n 's/.*\(difftf_[a-z_]*\)(.*/\1/p' src/api/difftf.h | sort -u >"$tmp/named"
nm -D --defined-only "$root/lib/difftf/libdifftf.so" | awk '{ print $3 }' | grep '^difftf_' | sort -u >"$tmp/there"
cmp -s "$tmp/named" "$tmp/there" && echo "ok all that the header names is there" || { echo "not ok all that the header names is there"; diff "$tmp/named" "$tmp/there"; }

if ! python3 -c "import numpy" 2>/dev/null; then
    echo "no NumPy here: the Python module is not tested" >&2
    echo done
    exit
fi
export PYTHONPATH="$root/share/difftf/python" PYTHONDONTWRITEBYTECODE=1
cat >"$tmp/try.py" <<'END'
import json, subprocess, sys
import numpy as np
import difftf

program, ids_file, out = sys.argv[1:]
model = difftf.Model("models/diff-transformer", threads=1)
assert (model.family, model.maps, model.layers) == ("diff_transformer", 2, 3)
text = "It was the best of times, it was the worst of times"
ids = model.tokenize(text)
assert ids.dtype == np.int32 and model.decode(ids) == text
logits = model.logits(ids)
assert logits.shape == (len(ids), model.vocab_size) and np.isfinite(logits).all()

# The same numbers as the command's.
json.dump(ids.tolist(), open(ids_file, "w"))
subprocess.run([program, "logits", "--model", "models/diff-transformer", "--ids", ids_file, "--out", out, "--attention", "1"], check=True)
raw = open(out, "rb").read()
size = int.from_bytes(raw[:8], "little")
head = json.loads(raw[8:8 + size])
def tensor(name):
    a, b = head[name]["data_offsets"]
    return np.frombuffer(raw[8 + size + a:8 + size + b], dtype=np.float32).reshape(head[name]["shape"])
# The matrix library may take other kernels here: up to the last bits.
assert np.allclose(tensor("logits"), logits, rtol=1e-4, atol=1e-4)
maps = tensor("attention.1")
for position in (0, 3, len(ids) - 1):
    assert np.allclose(maps[:, position, :position + 1], model.attention(ids, 1, position), rtol=1e-4, atol=1e-6)
print("numbers")

made = model.generate(ids, tokens=4)
assert len(made) <= 4 and made[0] == logits[-1].argmax()
assert isinstance(model.generate("It was", tokens=3, temperature=1, seed=7), str)
assert len(model.tokenize("")) == 0 and model.decode([]) == ""
for wrong, code in ((lambda: difftf.Model("/nowhere"), 3), (lambda: model.logits([1 << 20]), 2), (lambda: model.logits([]), 2),
                    (lambda: model.attention(ids, 99), 2), (lambda: difftf.run("nedle"), 2), (lambda: difftf.run("needle", depths=101), 2)):
    try:
        wrong()
    except difftf.Error as error:
        assert error.code == code and str(error), error
    else:
        raise AssertionError("no error")
print("errors")
model.close()

report = difftf.run("needle", lengths=[256], needles="1/1", depths=[0, 100], samples=2, threads=1, no_progress=True)
assert report["task"] == "needle" and report["options"]["lengths"] == [256] and len(report["items"]) == 4
print("report")
for public in [difftf, difftf.Model, *(getattr(difftf, name) for name in difftf.__all__)]:
    assert public.__doc__, public
for name, member in vars(difftf.Model).items():
    assert name.startswith("_") or member.__doc__, name
print("docstrings")
END
check "Python runs" 0 "" python3 "$tmp/try.py" "$root/bin/difftf-eval" "$tmp/ids.json" "$tmp/out.safetensors"
cp "$tmp/out" "$tmp/said"
for what in numbers errors report docstrings; do
    check "Python: $what" 0 "^$what" cat "$tmp/said"
done
python3 tests/blocks.py docs/library.md "$tmp" >/dev/null
check "the example in docs/library.md" 0 "^diff_transformer" python3 "$tmp/example.py"
echo done
