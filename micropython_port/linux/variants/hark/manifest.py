# Frozen into the interpreter: asyncio as on the board, and machine.py, which adds the microphone to the built-in module.
include("$(MPY_DIR)/extmod/asyncio")
freeze("modules")
