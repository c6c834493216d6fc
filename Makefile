# Builds the programs into build/; `make help` lists the targets.

BUILD   ?= build
PREFIX  ?= /usr/local
LIBDIR  ?= $(PREFIX)/lib
CC      ?= cc
VERSION := 0.1.0
RELEASED := 2026-11-27

comma    := ,
PACKAGES := libcjson yaml-0.1 libpcre2-8 nettle zlib libzstd snappy libzip libcurl libutf8proc libmicrohttpd
PKGCONF  := $(shell command -v pkg-config)
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Werror
CPPFLAGS += -Isrc -I. -D_GNU_SOURCE -DDIFFTF_VERSION='"$(VERSION)"' -DDIFFTF_RELEASED='"$(RELEASED)"' -DDIFFTF_PREFIX='"$(PREFIX)"'
ifneq ($(PKGCONF),)
CPPFLAGS += $(shell pkg-config --cflags openblas $(PACKAGES) 2>/dev/null)
LIBS     := $(shell pkg-config --libs openblas $(PACKAGES) 2>/dev/null) -lm
endif
OPTIMIZE ?= -O3
# One set of objects for programs and the shared library; within either, calls are direct.
CFLAGS   += -std=c11 $(OPTIMIZE) -g -fPIC -fvisibility=hidden -fopenmp -fno-math-errno $(WARNINGS) $(SANITIZE)
LDFLAGS  += -fopenmp $(SANITIZE)
# No caller has to look whether a small allocation failed: base/exhausted.h.
LDFLAGS  += $(patsubst %,-Wl$(comma)--wrap=%,malloc calloc realloc aligned_alloc strdup strndup)

# Hardened where the compiler knows how; the sanitizers have checks of their own.
knows = $(shell echo 'int main(void) { return 0; }' | $(CC) -Werror $(1) -x c -o /dev/null - 2>/dev/null && echo '$(1)')
ifeq ($(SANITIZE),)
HARDEN      := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 $(foreach flag,-fstack-protector-strong -fstack-clash-protection,$(call knows,$(flag)))
HARDEN_LINK := $(call knows,-pie) $(call knows,-Wl$(comma)-z$(comma)relro$(comma)-z$(comma)now)
CFLAGS      += $(HARDEN)
LDFLAGS     += $(HARDEN_LINK)
endif

# The innermost loops once for each instruction set.
KERNELS := portable
ifneq ($(filter x86_64-%,$(shell $(CC) -dumpmachine 2>/dev/null)),)
KERNELS += avx2 avx512 avx512vnni
endif
ISA_avx2   := -mavx2 -mfma -mf16c
ISA_avx512 := -mavx512f -mavx512vl -mavx512bw -mavx512dq -mfma -mf16c -mprefer-vector-width=512
ISA_avx512vnni := $(ISA_avx512) -mavx512vnni -mavx512bf16

# Source floors; each program links those it needs from one library.
LIB_SOURCES := $(filter-out src/numeric/kernels_impl.c src/cli/main.c,$(wildcard src/*/*.c)) $(wildcard tasks/*.c)
LIB_OBJECTS := $(LIB_SOURCES:%.c=$(BUILD)/%.o) $(KERNELS:%=$(BUILD)/src/numeric/kernels_%.o)
BENCH_SOURCES := $(wildcard bench/*.c)
PROGRAMS    := difftf-eval difftf-train difftf-bpe difftf-make-data difftf-make-model difftf-convert difftf-bench
TESTS       := $(wildcard tests/*/test_*.c)
SHELL_TESTS := $(sort $(wildcard tests/*.sh))

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
%.d: ;

.PHONY: all documents shared static dist deb container faults kills demo check check-build test-programs install format lint clean setup help
all: $(PROGRAMS:%=$(BUILD)/%)

help:
	@echo "make            build the programs into build/"
	@echo "make demo       install what is missing, build, and run the needle evaluation on the embedded pair"
	@echo "make check      install what is missing, build twice (plain, sanitizers), run every test"
	@echo "make coverage   run every test once more and print the lines and branches that they reach (gcovr)"
	@echo "make fuzz       feed every reader of files with damaged ones (clang)"
	@echo "make shared     libdifftf.so, for tools/python/difftf.py; make static: the small libraries within"
	@echo "make dist       the sources as one archive; make deb: Debian packages; make container: from Containerfile"
	@echo "make documents  man pages and completions into build/share"
	@echo "make install    install under PREFIX ($(PREFIX)), DESTDIR is honoured"
	@echo "make faults     make every allocation and system call fail, one at a time; make kills kills runs at random moments;"
	@echo "                make memory runs in little memory; make threads looks for data races"
	@echo "make fixtures   the test fixtures from their makers, byte by byte (Python packages: tests/fixtures/requirements.txt)"
	@echo "make peers      this project beside the originals (PyTorch, transformers, lm-eval, llama.cpp ..): docs/agreement.md"
	@echo "make reproduce  train the matched pairs, evaluate every seed, write results/README.md (hours; goes on where it stopped);"
	@echo "                make reproduce-check: does that page follow from the reports that are kept?"
	@echo "make format     format the sources; make lint looks for defects"

$(BUILD)/difftf-eval: $(BUILD)/src/cli/main.o
$(BUILD)/difftf-train: $(BUILD)/tools/train.o
$(BUILD)/difftf-bpe: $(BUILD)/tools/bpe.o
$(BUILD)/difftf-make-data: $(BUILD)/tools/make_data.o $(BUILD)/tools/make_questions.o
$(BUILD)/difftf-make-model: $(BUILD)/tools/make_model.o
$(BUILD)/difftf-convert: $(BUILD)/tools/convert.o $(BUILD)/tools/to_diff.o
$(BUILD)/difftf-bench: $(BENCH_SOURCES:%.c=$(BUILD)/%.o)
$(PROGRAMS:%=$(BUILD)/%): $(BUILD)/libdifftf.a
	$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(BUILD)/libdifftf.a $(LIBS)

$(BUILD)/libdifftf.a: $(LIB_OBJECTS)
	rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/src/numeric/kernels_%.o: src/numeric/kernels_impl.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -Wno-psabi -ffp-contract=fast $(ISA_$*) -DKERNELS=kernels_$* -DKERNELS_NAME='"$*"' -MMD -MP -c -o $@ $<

.PHONY: reproduce reproduce-check
reproduce: all
	tools/reproduce plan && tools/reproduce
reproduce-check: all
	tools/reproduce check

# Man pages and completions, from the programs' own tables.
documents: $(BUILD)/share/man/man1/difftf-eval.1
$(BUILD)/share/man/man1/difftf-eval.1: $(PROGRAMS:%=$(BUILD)/%) tools/make-documents tools/fetch-data
	tools/make-documents $(BUILD) $(BUILD)/share $(VERSION) $(RELEASED)

# For programs that load it, tools/python/difftf.py among them: what difftf.h names and nothing else is visible.
shared: $(BUILD)/libdifftf.so
# What only a program does is left out: its start, and the end when memory runs out.
$(BUILD)/libdifftf.so: $(filter-out $(BUILD)/src/base/startup.o $(BUILD)/src/base/wrapped.o,$(LIB_OBJECTS)) $(BUILD)/tools/shared_start.o
	$(CC) -shared -fopenmp -Wl,-z,relro,-z,now,-z,defs -o $@ $^ $(LIBS)

# The small libraries within. OpenBLAS as an archive crashes in its own threads, Snappy's wants C++, and Debian has none of cJSON,
# libzip, and of what libcurl needs: they stay shared, with libc and OpenMP.
STATIC := yaml pcre2-8 nettle z zstd utf8proc
static: $(BUILD)/static/difftf-eval
$(BUILD)/static/difftf-eval: $(BUILD)/src/cli/main.o $(BUILD)/libdifftf.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(filter -L%,$(LIBS)) -Wl,-Bstatic $(STATIC:%=-l%) -Wl,-Bdynamic \
		-lopenblas -lcjson -lsnappy -lzip -lcurl -lmicrohttpd -lm -lpthread

# The sources as they are committed.
dist: $(BUILD)/difftf-eval-$(VERSION).tar.xz
$(BUILD)/difftf-eval-$(VERSION).tar.xz: $(shell git rev-parse --git-path HEAD 2>/dev/null)
	@mkdir -p $(@D)
	git archive --prefix=difftf-eval-$(VERSION)/ HEAD | xz -9 >$@

# Packages for Debian, from the sources as they are committed.
deb: dist
	rm -rf $(BUILD)/deb && mkdir -p $(BUILD)/deb
	cp $(BUILD)/difftf-eval-$(VERSION).tar.xz $(BUILD)/deb/difftf-eval_$(VERSION).orig.tar.xz
	cd $(BUILD)/deb && tar -xf difftf-eval_$(VERSION).orig.tar.xz && cd difftf-eval-$(VERSION) && dpkg-buildpackage -us -uc
container:
	$(or $(shell command -v podman),docker) build -t difftf-eval .

setup:
	@tools/setup

demo: setup
	@$(MAKE) --no-print-directory -s all
	$(BUILD)/difftf-eval needle --depths 0,25,50,75,100

# Every test in both builds; the last line counts them.
check:
	@tools/setup check
	@$(MAKE) --no-print-directory -s check-build
check-build:
	@tools/run-tests

$(BUILD)/tests/%: tests/%.c $(BUILD)/libdifftf.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -Itests $(CFLAGS) $(shell pkg-config --cflags check) -MMD -MP -o $@ $< $(BUILD)/libdifftf.a \
		$(LDFLAGS) $(shell pkg-config --libs check) $(LIBS)
test-programs: $(TESTS:%.c=$(BUILD)/%)

# Lines and branches of src/ and tasks/ that the tests reach (apt-get install gcovr); a program that is killed or ends at once, as out
# of memory, does not say what it reached.
.PHONY: coverage
coverage:
	@tools/setup check
	-@tools/run-tests coverage
	gcovr --root . --object-directory build-coverage --filter src/ --filter tasks/ --exclude-unreachable-branches --exclude-throw-branches --gcov-ignore-parse-errors \
		--txt build-coverage/coverage.txt --print-summary

# Fuzzing needs clang and its OpenMP (apt-get install clang libomp-dev): every reader for FUZZ_SECONDS, from the stored inputs.
# What is found lies in $(FUZZ_BUILD)/found; kept small (-minimize_crash=1), it goes to tests/fuzz/corpus and is replayed by `make check`.
FUZZ_BUILD   := build-fuzz
FUZZ_SECONDS ?= 60
FUZZ_READERS := $(notdir $(wildcard tests/fuzz/corpus/*))
FUZZ_CHECKS  := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
.PHONY: fuzz fuzz-programs
fuzz-programs:
	@$(MAKE) --no-print-directory -s BUILD=$(FUZZ_BUILD) CC=clang OPTIMIZE=-O1 WARNINGS= SANITIZE="-fsanitize=fuzzer-no-link $(FUZZ_CHECKS)" \
		$(FUZZ_BUILD)/libdifftf.a $(FUZZ_BUILD)/tests/fuzz/readers.o $(FUZZ_READERS:%=$(FUZZ_BUILD)/fuzz-%)
$(FUZZ_BUILD)/fuzz-%: tests/fuzz/fuzz.c $(FUZZ_BUILD)/tests/fuzz/readers.o $(FUZZ_BUILD)/libdifftf.a
	clang $(CPPFLAGS) -Itests -DFUZZ_READER='"$*"' -g -O1 -fsanitize=fuzzer $(FUZZ_CHECKS) -fopenmp -o $@ $^ $(LIBS)
$(FUZZ_BUILD)/tests/fuzz/readers.o: CPPFLAGS += -Itests
fuzz: fuzz-programs
	@mkdir -p $(FUZZ_BUILD)/found
	@for reader in $(FUZZ_READERS); do \
		mkdir -p $(FUZZ_BUILD)/corpus/$$reader; \
		$(FUZZ_BUILD)/fuzz-$$reader -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -max_len=16384 -print_final_stats=1 \
			-artifact_prefix=$(FUZZ_BUILD)/found/$$reader- $(FUZZ_BUILD)/corpus/$$reader tests/fuzz/corpus/$$reader \
			>$(FUZZ_BUILD)/$$reader.log 2>&1 && outcome=held || outcome=FOUND; \
		echo "$$reader: $$outcome, $$(sed -n 's/stat::number_of_executed_units: *//p' $(FUZZ_BUILD)/$$reader.log) executions"; \
	done

# Every call of a kind fails once in a tiny run of every command (MOST=N: so many of a kind); prints a table.
MOST ?= 0
faults: all
	$(CC) -O1 -shared -fPIC -o $(BUILD)/shim.so tests/faults/shim.c
	python3 tests/faults/sweep.py $(BUILD) $(BUILD)/shim.so --most $(MOST) --markdown

# Kills every command and the trainer at random moments (ROUNDS times each) and compares what comes out in the end.
ROUNDS ?= 50
kills: all
	python3 tests/faults/kills.py $(BUILD) --rounds $(ROUNDS)

# Numbers beside those of the originals; installs them outside the project (about 3 GB).
.PHONY: fixtures
fixtures:
	tests/fixtures/make-all

.PHONY: peers
peers: all
	tools/peers/run

# Data races (apt-get install clang libomp-dev): ThreadSanitizer on runs of two threads.
threads:
	@$(MAKE) --no-print-directory -s BUILD=build-tsan CC=clang OPTIMIZE=-O1 WARNINGS= SANITIZE="-fsanitize=thread -fno-omit-frame-pointer" \
		build-tsan/difftf-eval build-tsan/difftf-train
	sh tests/faults/threads.sh build-tsan

# Runs commands in 50 MB to 2 GB of address space, in 100 steps.
memory: all
	python3 tests/faults/memory.py $(BUILD)

# Programs, the library with its headers, and what the programs find beside them; the cases of `difftf-eval selftest` among it.
SELFTEST := llama-mha llama-gqa-tied mistral-window qwen2-yarn qwen3-qknorm diff-mha diff-gqa diffllama-gqa diffv2-gqa motif-mha \
	motif-grouped gguf grads-llama grads-diff tokenizers/word-end tokenizers/metaspace tokenizers/bert
SHARE := $(DESTDIR)$(PREFIX)/share/difftf
install: all documents $(if $(findstring sanitize,$(BUILD)$(SANITIZE)),,shared)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(PREFIX)/include/difftf $(SHARE)
	install $(PROGRAMS:%=$(BUILD)/%) $(DESTDIR)$(PREFIX)/bin
	sed 's/@VERSION@/$(VERSION)/' tools/fetch-data > $(DESTDIR)$(PREFIX)/bin/difftf-fetch-data
	chmod 755 $(DESTDIR)$(PREFIX)/bin/difftf-fetch-data
	install -D -m 644 data/sources.tsv $(SHARE)/data/sources.tsv
	install -D -m 644 data/paper.tsv $(SHARE)/data/paper.tsv
	install -m 644 $(BUILD)/libdifftf.a $(DESTDIR)$(LIBDIR)
	[ ! -f $(BUILD)/libdifftf.so ] || install -D -m 644 $(BUILD)/libdifftf.so $(DESTDIR)$(PREFIX)/lib/difftf/libdifftf.so
	install -D -m 644 tools/python/difftf.py $(SHARE)/python/difftf.py
	install -m 644 src/api/difftf.h $(DESTDIR)$(PREFIX)/include
	cd src && find base formats numeric model lm -name '*.h' -exec install -D -m 644 {} $(DESTDIR)$(PREFIX)/include/difftf/{} \;
	sed 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@VERSION@|$(VERSION)|; s|@REQUIRES@|openblas $(PACKAGES)|' tools/difftf.pc.in > $(DESTDIR)$(LIBDIR)/pkgconfig/difftf.pc
	cd $(BUILD)/share && find . -type f -exec install -D -m 644 {} $(DESTDIR)$(PREFIX)/share/{} \;
	cp -r models configs docs/report.schema.json $(SHARE)
	find $(SHARE)/models -name 'checkpoint.safetensors' -delete
	cd tests/fixtures && find $(SELFTEST) -type f -exec install -D -m 644 {} $(SHARE)/tests/fixtures/{} \;
	cd data && find haystack background choice icl hallucination math ruler scaling -type f -exec install -D -m 644 {} $(SHARE)/data/{} \;

SOURCES := $(wildcard src/*/*.[ch] tasks/*.[ch] tools/*.[ch] bench/*.[ch] tests/*/*.[ch] tests/*.h)
format:
	clang-format -i $(SOURCES)
lint:
	cppcheck --quiet --error-exitcode=1 --std=c11 --inline-suppr --enable=warning,performance,portability --include=tools/cppcheck.h -Isrc -I. src tasks tools bench
	clang-tidy --quiet --warnings-as-errors='*' $(filter %.c,$(filter-out src/numeric/kernels_impl.c tests/%,$(SOURCES))) -- $(CPPFLAGS) -std=c11 -fopenmp

clean:
	rm -rf $(BUILD)

# A variable as the shell reads it, for the tests that compile: make -s print-CFLAGS
print-%:
	@: $(info $($*))

-include $(shell find $(BUILD) -name '*.d' -type f 2>/dev/null)
