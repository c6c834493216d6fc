"""Transformers and Diff Transformers from Python: a thin layer of ctypes over libdifftf.so, without a compiler.

    import difftf

    model = difftf.Model("models/diff-transformer")
    ids = model.tokenize("It was the best of times")
    model.logits(ids).shape               # (tokens, vocabulary)
    model.attention(ids, layer=1).shape   # (heads, tokens): what the last token attends to, A1 - lambda A2
    model.generate("It was", tokens=20)
    report = difftf.run("needle", lengths=256, samples=5)
    report["metrics"][0]

The library is looked for in DIFFTF_LIBRARY, beside this file, in a source folder's build/ (`make shared`), and where it is
installed. What it allocates is copied into Python's own objects and freed at once.
"""

import ctypes
import json
import os
import pathlib
import tempfile

import numpy as np

__all__ = ["Error", "Model", "run", "version"]

_MESSAGE = 1024
_HERE = pathlib.Path(__file__).resolve().parent
_IDS = ctypes.POINTER(ctypes.c_int32)
_FLOATS = ctypes.POINTER(ctypes.c_float)
# As the programs set them for the libraries that they load: our own threads share the work out, and wait asleep.
_SETTINGS = (("OPENBLAS_NUM_THREADS", "1"), ("GOMP_SPINCOUNT", "300"), ("GNUTLS_NO_IMPLICIT_INIT", "1"))


class Error(RuntimeError):
    """What went wrong, in one line; `code` is the exit code that the programs would have: 2 wrong usage, 3 a file, 4 the system."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def _places():
    if "DIFFTF_LIBRARY" in os.environ:
        yield pathlib.Path(os.environ["DIFFTF_LIBRARY"])
    yield _HERE / "libdifftf.so"
    yield _HERE.parent.parent / "build" / "libdifftf.so"  # a source folder
    for parent in _HERE.parents:  # PREFIX/share/difftf/python
        yield parent / "lib" / "difftf" / "libdifftf.so"


def _load():
    path = next((p for p in _places() if p.is_file()), None)
    if path is None:
        raise ImportError("libdifftf.so is not there: `make shared` builds it, DIFFTF_LIBRARY names another place")
    for share in (_HERE.parent, _HERE.parent.parent):  # models, data and configs lie there
        if (share / "models").is_dir():
            os.environ.setdefault("DIFFTF_SHARE", str(share))
    for name, value in _SETTINGS:
        os.environ.setdefault(name, value)
    library = ctypes.CDLL(str(path))
    text, size, pointer = ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p
    for name, result, arguments in (
        ("version", text, []),
        ("free", None, [pointer]),
        ("open", ctypes.c_int, [ctypes.POINTER(pointer), text, ctypes.c_int, text]),
        ("close", None, [pointer]),
        ("vocab_size", size, [pointer]),
        ("layers", size, [pointer]),
        ("heads", size, [pointer]),
        ("maps", size, [pointer]),
        ("parameters", size, [pointer]),
        ("family", text, [pointer]),
        ("tokenize", ctypes.c_int, [pointer, text, size, ctypes.c_int, ctypes.POINTER(_IDS), ctypes.POINTER(size), text]),
        ("decode", ctypes.c_int, [pointer, _IDS, size, ctypes.c_int, ctypes.POINTER(pointer), text]),
        ("logits", ctypes.c_int, [pointer, _IDS, size, _FLOATS, text]),
        ("attention", ctypes.c_int, [pointer, _IDS, size, size, size, _FLOATS, text]),
        ("generate", ctypes.c_int, [pointer, _IDS, size, size, ctypes.c_double, ctypes.c_uint64, ctypes.POINTER(_IDS),
                                    ctypes.POINTER(size), text]),
        ("run", ctypes.c_int, [text, ctypes.POINTER(text), size, text]),
    ):
        function = getattr(library, "difftf_" + name)
        function.restype, function.argtypes = result, arguments
    return library


_library = _load()


def _call(name, *arguments):
    """Calls a function whose last argument is the message; raises what it says."""
    message = ctypes.create_string_buffer(_MESSAGE)
    code = getattr(_library, "difftf_" + name)(*arguments, message)
    if code != 0:
        raise Error(code, message.value.decode("utf-8", "replace"))


def _pointer(ids):
    ids = np.ascontiguousarray(ids, dtype=np.int32)
    if ids.ndim != 1:
        raise ValueError("ids: expected one dimension")
    return ids, ids.ctypes.data_as(_IDS), len(ids)


def _taken(ids, n):
    """A copy of ids that the library allocated, which are freed."""
    result = np.ctypeslib.as_array(ids, shape=(n.value,)).copy() if n.value else np.zeros(0, dtype=np.int32)
    _library.difftf_free(ids)
    return result


def version():
    """The version of the library."""
    return _library.difftf_version().decode()


class Model:
    """A model with its tokenizer, from a folder or a .gguf file. threads 0: all processors; results do not depend on it.

    family, parameters, layers, heads, vocab_size; maps is 1 for a Transformer, 2 for a Diff Transformer.
    """

    def __init__(self, path, threads=0):
        self._model = ctypes.c_void_p()
        _call("open", ctypes.byref(self._model), os.fsencode(path), threads)
        for name in ("vocab_size", "layers", "heads", "maps", "parameters"):
            setattr(self, name, getattr(_library, "difftf_" + name)(self._model))
        self.family = _library.difftf_family(self._model).decode()

    def close(self):
        """Unmaps the weights; the model cannot be used any more."""
        model, self._model = getattr(self, "_model", None), None
        if model:
            _library.difftf_close(model)

    __del__ = close

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def tokenize(self, text, special=False):
        """The ids of a text, an int32 array; `special` adds the tokens that stand around a text."""
        data, ids, n = text.encode("utf-8"), _IDS(), ctypes.c_size_t()
        _call("tokenize", self._model, data, len(data), int(special), ctypes.byref(ids), ctypes.byref(n))
        return _taken(ids, n)

    def decode(self, ids, special=False):
        """The text of ids; special tokens are left out unless `special`."""
        held, pointer, n = _pointer(ids)
        text = ctypes.c_void_p()
        _call("decode", self._model, pointer, n, int(special), ctypes.byref(text))
        result = ctypes.string_at(text).decode("utf-8", "replace")
        _library.difftf_free(text)
        return result

    def logits(self, ids):
        """float32 [tokens, vocab_size]: row i predicts token i + 1."""
        held, pointer, n = _pointer(ids)
        result = np.zeros((n, self.vocab_size), dtype=np.float32)
        _call("logits", self._model, pointer, n, result.ctypes.data_as(_FLOATS))
        return result

    def attention(self, ids, layer, position=-1):
        """float32 [heads, position + 1]: what the token at `position` (-1: the last) pays to each up to it, by the effective map of
        each head: A of a Transformer, A1 - lambda A2 of a Diff Transformer."""
        held, pointer, n = _pointer(ids)
        position = position + n if position < 0 else position
        if not 0 <= position < n:
            raise IndexError(f"position {position} is not one of {n} tokens")
        result = np.zeros((self.heads, position + 1), dtype=np.float32)
        _call("attention", self._model, pointer, n, layer, position, result.ctypes.data_as(_FLOATS))
        return result

    def generate(self, prompt, tokens=100, temperature=0.0, seed=1):
        """Continues a text, or ids: then ids come back. temperature 0: always the most probable token."""
        ids = self.tokenize(prompt, special=True) if isinstance(prompt, str) else prompt
        held, pointer, n = _pointer(ids)
        out, n_out = _IDS(), ctypes.c_size_t()
        _call("generate", self._model, pointer, n, tokens, temperature, seed, ctypes.byref(out), ctypes.byref(n_out))
        made = _taken(out, n_out)
        return self.decode(made) if isinstance(prompt, str) else made


def _argument(name, value):
    name = "--" + name.replace("_", "-")
    if value is True:
        return [name]
    if isinstance(value, dict):  # models: {name: folder}
        return [part for key, item in value.items() for part in (name, f"{key}={item}")]
    if isinstance(value, (list, tuple)):
        value = ",".join(map(str, value))
    return [name, str(value)]


def run(task, **options):
    """Runs an evaluation, `difftf-eval TASK`, and returns its report as a dict.

    Options have the names of the command line, "-" as "_": run("needle", lengths=[256, 512], model={"base": A, "diff": B}). Without
    `out` the report is not kept.
    """
    with tempfile.TemporaryDirectory() as folder:
        options.setdefault("out", os.path.join(folder, "report.json"))
        words = ["--quiet"]
        for name, value in options.items():
            if value is not False and value is not None:
                words += _argument(name, value)
        arguments = (ctypes.c_char_p * len(words))(*(os.fsencode(word) for word in words))
        _call("run", task.encode(), arguments, len(words))
        with open(options["out"], encoding="utf-8") as file:
            return json.load(file)
