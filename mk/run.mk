# The demonstration: the firmware on the virtual board, hearing what is played into its microphones.

#: WAV                   make demo: a recording of yours instead of espeak-ng's sentences
#: MIC                   make demo: MIC=1 listens to this computer's microphone
#: MODEL                 make demo: another model, a name from py_app/models or a .kws file
.PHONY: demo
demo: packages-demo venv-base $(if $(MIC),packages-mic) ## spot keywords on the virtual board (WAV=file, MIC=1, MODEL=name or file)
	@$(MAKE) firmware romfs
	$(PY) -m tools.demo $(if $(WAV),--wav "$(WAV)") $(if $(MIC),--mic) $(if $(MODEL),--model "$(MODEL)") $(ARGS)

#: PHRASE                make word: what the new model is to hear
.PHONY: word
word: packages-build packages-word venv-test ## a model for a phrase of your own, from synthetic speech (PHRASE="hey hark", ARGS="--recordings DIR")
	@$(VENV_TEST)/bin/python -m training.word "$(PHRASE)" $(ARGS)
