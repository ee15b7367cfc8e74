# Tests, measurements and style.

#: ARGS                  more arguments for pytest (make test ARGS="-k romfs")
.PHONY: test
test: packages-test packages-demo venv-test ## all tests (ARGS="-k name" chooses)
	@$(MAKE) firmware romfs linux host
	$(PY) -m pytest $(ARGS)

.PHONY: lint
lint: venv-test ## ruff over the Python sources
	$(PY) -m ruff check .

.PHONY: bench
bench: venv-base ## instructions and bytes by layer, beside the last accepted figures (build/reports/bench.json)
	@$(MAKE) firmware romfs
	$(PY) -m tools.bench $(ARGS)

.PHONY: bench-live
bench-live: venv-base ## hits and false accepts on real recordings in ../shared/data/speech, played into the virtual microphones
	@$(MAKE) firmware romfs
	$(PY) -m tools.bench_live $(ARGS)
