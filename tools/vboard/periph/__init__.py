"""One file a peripheral of the STM32F769."""
