# Needs Python >= 3.11, Rust >= 1.89 and make. All else goes into .venv and target.
SHELL := bash
PYTHON ?= python3

export VIRTUAL_ENV := $(CURDIR)/.venv
unexport CONDA_PREFIX
BIN := .venv/$(if $(filter Windows_NT,$(OS)),Scripts,bin)

RUST := $(wildcard rust/*.rs rust/*/*.rs) Cargo.toml Cargo.lock
# Coverage that guides a fuzzer, as cargo-fuzz asks for it; no nightly toolchain is needed.
FUZZ_SECONDS ?= 60
HOST = $(shell rustc -vV | sed -n 's/^host: //p')
COVERED := -Cpasses=sancov-module $(addprefix -Cllvm-args=-sanitizer-coverage-, \
	level=4 inline-8bit-counters pc-table trace-compares)

TOOLS := .venv/.tools
BUILT := .venv/.built

# What is still reachable at the end belongs to threads of a pool, which live as long as the process.
VALGRIND := valgrind --quiet --trace-children=yes --error-exitcode=9 \
	--leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite

.PHONY: help cats test soak valgrind fuzz bench lint format wheel clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s%s\n", $$1, $$2 }' Makefile

cats: $(BUILT) ## build the package into .venv and train the cat classifier
	$(BIN)/purr train

test: $(BUILT) ## build the package and run all tests, Rust and Python
	cargo test
	$(BIN)/python -m pytest

soak: $(BUILT) ## a day of small trainings in one process: memory, files and threads stay (minutes)
	$(BIN)/python tests/soak.py --fits 100000

valgrind: ## the Rust tests, at small sizes, where every access to memory is checked (needs valgrind; half an hour)
	PURRCEPTRON_SMALL_TESTS=1 CARGO_PROFILE_TEST_OPT_LEVEL=2 CARGO_PROFILE_TEST_CODEGEN_UNITS=16 \
		cargo --config 'target."cfg(unix)".runner = "$(VALGRIND)"' \
		test --no-fail-fast --target-dir target/valgrind --lib --tests -- --test-threads=1

fuzz: $(BUILT) ## feed hostile input to every reader, for FUZZ_SECONDS (60) each; needs Linux and a C++ compiler
	RUSTFLAGS="$(COVERED)" cargo build --release --manifest-path fuzz/Cargo.toml --target-dir target/fuzz --target $(HOST)
	for target in model_file checkpoint resume network training; do \
	    mkdir -p target/fuzz/found/$$target && \
	    (ulimit -v 4000000 && target/fuzz/$(HOST)/release/$$target -max_total_time=$(FUZZ_SECONDS) -timeout=10 \
	        -rss_limit_mb=1500 -max_len=8192 -dict=tests/corpus/json.dict -artifact_prefix=target/fuzz/$$target- \
	        -print_final_stats=1 target/fuzz/found/$$target tests/corpus/$$target) || exit; \
	done
	FUZZ_SECONDS=$(FUZZ_SECONDS) $(BIN)/python -m pytest -s tests/test_fuzz.py

bench: $(BUILT) ## time it beside NumPy, scikit-learn and JAX, into target/benchmarks (up to ten minutes)
	PIP_QUIET=1 $(BIN)/maturin develop --release --extras bench
	cargo bench --bench matmul --bench math --bench optimizers
	$(BIN)/python benches/compare.py --output target/benchmarks

lint: $(BUILT) ## formatting, clippy, ruff, mypy, and the stub against the extension module
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	cargo clippy --all-targets --features python -- -D warnings
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/python -m mypy
	$(BIN)/python -m mypy.stubtest purrceptron._core

format: $(TOOLS) ## format all code and sort imports
	cargo fmt
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

wheel: $(TOOLS) ## build a wheel into dist
	$(BIN)/maturin build --release --out dist

clean: ## delete what was built (a trained model stays)
	rm -rf .venv target dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -f python/purrceptron/_core.*.so python/purrceptron/_core.*.pyd
	find python tests -name __pycache__ -prune -exec rm -rf {} +

# The virtual environment with the tools of the group `dev`, which only a new pip can read.
$(TOOLS): pyproject.toml
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --group dev
	touch $@

# The extension module, compiled in release mode beside the Python files, which are used where they are (an editable
# installation): only a change in Rust builds it again.
$(BUILT): $(RUST) $(TOOLS)
	PIP_QUIET=1 $(BIN)/maturin develop --release
	touch $@
