# Python that is built into the firmware.
include("$(MPY_DIR)/extmod/asyncio")
freeze("modules")
