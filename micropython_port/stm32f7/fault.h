// The mark that a fault leaves for the start-up after it.
#ifndef FAULT_H
#define FAULT_H

#include <stdbool.h>

// True once after a reset that a fault caused.
bool fault_take_mark(void);

#endif
