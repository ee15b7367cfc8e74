// STM32F769I-DISCO: names, clocks and pins.  Ports are numbered 0 = A .. 10 = K.
#ifndef BOARD_H
#define BOARD_H

#define BOARD_NAME "STM32F769I-DISCO"
#define BOARD_MCU_NAME "STM32F769NI"

// Crystal, and the PLL's input divider that makes 1 MHz of it.
#define BOARD_HSE_HZ 25000000U

enum { PORT_A, PORT_B, PORT_C, PORT_D, PORT_E, PORT_F, PORT_G, PORT_H, PORT_I, PORT_J, PORT_K };

// A pin with its alternate function: port, pin, AF number.
#define BOARD_REPL_TX PORT_A, 9, 7
#define BOARD_REPL_RX PORT_A, 10, 7
#define BOARD_REPL_BAUD 115200U

#define BOARD_QSPI_CLK PORT_B, 2, 9
#define BOARD_QSPI_NCS PORT_B, 6, 10
#define BOARD_QSPI_IO0 PORT_C, 9, 9
#define BOARD_QSPI_IO1 PORT_C, 10, 9
#define BOARD_QSPI_IO2 PORT_E, 2, 9
#define BOARD_QSPI_IO3 PORT_D, 13, 9
#define BOARD_QSPI_BYTES (64U * 1024U * 1024U)

#define BOARD_PDM_CKOUT PORT_D, 3, 3
#define BOARD_PDM_DATIN1 PORT_C, 3, 3 // top left = channel 1, top right = channel 0
#define BOARD_PDM_DATIN5 PORT_C, 11, 3 // bottom left = channel 5, bottom right = channel 4

// Names that machine.Pin knows besides the plain ones ("A0" .. "K7"): name, port, pin.
#define BOARD_PIN_NAMES(X) \
    X("LED_RED", PORT_J, 13) \
    X("LED_GREEN", PORT_J, 5) \
    X("LED_GREEN2", PORT_A, 12) \
    X("BUTTON", PORT_A, 0)

#endif
