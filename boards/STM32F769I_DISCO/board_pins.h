// Names of this board's pins for machine.Pin and Pin.board: X(name, port letter, index).
#define BOARD_PINS(X) \
    X(LED_RED, 'J', 13) \
    X(LED_GREEN, 'J', 5) \
    X(LED_GREEN2, 'A', 12) \
    X(BUTTON, 'A', 0) \
    X(D0, 'C', 7) \
    X(D1, 'C', 6) \
    X(D2, 'J', 1) \
    X(D3, 'F', 6) \
    X(D4, 'J', 0) \
    X(D5, 'C', 8) \
    X(D6, 'F', 7) \
    X(D7, 'J', 3) \
    X(D8, 'J', 4) \
    X(D9, 'H', 6) \
    X(D10, 'A', 11) \
    X(D11, 'B', 15) \
    X(D12, 'B', 14) \
    X(D13, 'A', 12) \
    X(D14, 'B', 9) \
    X(D15, 'B', 8) \
    X(A0, 'A', 6) \
    X(A1, 'A', 4) \
    X(A2, 'C', 2) \
    X(A3, 'F', 10) \
    X(A4, 'F', 8) \
    X(A5, 'F', 9) \
    X(SDA, 'B', 9) \
    X(SCL, 'B', 8) \
    X(MIC_CLOCK, 'D', 3) \
    X(MIC_TOP, 'C', 3) \
    X(MIC_BOTTOM, 'C', 11)
