# Tests, measurements and style.

#: ARGS                  more arguments for pytest (make test ARGS="-k romfs")
.PHONY: test
test: packages-test packages-demo venv-test ## all tests (ARGS="-k name" chooses)
	@$(MAKE) firmware romfs linux host
	$(VENV_TEST)/bin/python -m pytest $(ARGS)

.PHONY: lint
lint: venv-test ## ruff over the Python sources
	$(VENV_TEST)/bin/python -m ruff check .

.PHONY: bench
bench: packages-firmware packages-aarch64 packages-bench venv-base ## instructions and bytes on a Cortex-M7 and a 64-bit Arm, beside others' and the last accepted figures
	$(PY) -m tools.bench $(ARGS)

.PHONY: soak
soak: packages-build venv-base ## a day of sound through step and window streams, every score row compared (ARGS="--hours 24")
	$(PY) -m tools.soak $(ARGS)

.PHONY: bench-live
bench-live: venv-base ## hits and false accepts on real recordings in ../shared/data/speech, played into the virtual microphones
	@$(MAKE) firmware romfs
	@# 15 dB below the recordings, and 15 dB below the words in them, which fill about 40 % of a second
	$(PY) -m tools.bench_live --snr 15 $(ARGS)
	$(PY) -m tools.bench_live --snr 11 $(ARGS)

.PHONY: zoo
zoo: packages-build packages-firmware packages-word venv-test ## figures of all released models, into training/README.md (ARGS="--check", ARGS="--train NAME")
	@$(VENV_TEST)/bin/python -m training.zoo $(ARGS)
