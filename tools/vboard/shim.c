/* The one piece of the virtual board that must be native: what happens at the start of every
 * translated block. It counts retired instructions, stops the core before a block that would start
 * at or after `limit`, and, while an exception is pending but masked, stops as soon as PRIMASK,
 * FAULTMASK and BASEPRI would let it in. Unicorn's functions come in as pointers, so that this file
 * needs neither its headers nor its library to be linked.
 */
#include <stdint.h>

enum { REG_BASEPRI = 0, REG_PRIMASK, REG_FAULTMASK, REG_COUNT };

typedef struct {
    uint64_t instructions;  /* retired, the current block included */
    uint64_t block_first;   /* retired before the current block */
    uint64_t limit;         /* stop before a block when `instructions` has reached this */
    uint32_t block_address;
    uint32_t block_bytes;
    uint32_t watch;         /* non-zero: an exception of priority `watch_priority` waits for a mask */
    uint32_t watch_priority;
    uint32_t stopped;       /* set when this file stopped the core */
    uint32_t profile_on;
    uint32_t flash_base, flash_bytes;
    uint32_t itcm_base, itcm_bytes;
    uint32_t ram_base, ram_bytes;
    const uint8_t *flash, *itcm, *ram;
    uint32_t *flash_counts; /* one a halfword: block bytes << 16 | instructions, 0 = not decoded yet */
    uint64_t *flash_profile; /* one a halfword: instructions retired in blocks that start there */
    uint64_t ram_profile;
    int (*emu_stop)(void *uc);
    int (*reg_read)(void *uc, int reg, void *value);
    int reg_id[REG_COUNT];
    uint32_t cyccnt_on;
    uint32_t cyccnt_held;   /* CYCCNT = held + instructions + stalled - start while it counts */
    uint64_t cyccnt_start;
    uint64_t stalled;       /* cycles in which the bus held the core */
    uint64_t (*dwt_read)(void *uc, uint64_t offset, unsigned size, void *user);
} vb_state_t;

/* Thumb: a halfword at or above 0xE800 begins a 32-bit instruction. */
static uint32_t count_instructions(const uint8_t *code, uint32_t bytes) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < bytes; n++) {
        i += code[i + 1] >= 0xE8 ? 4 : 2;
    }
    return n;
}

static uint32_t mask_lifted(void *uc, const vb_state_t *s) {
    uint32_t value[REG_COUNT] = {0};
    for (int i = 0; i < REG_COUNT; i++) {
        s->reg_read(uc, s->reg_id[i], &value[i]);
    }
    return !(value[REG_PRIMASK] & 1) && !(value[REG_FAULTMASK] & 1)
           && (value[REG_BASEPRI] == 0 || s->watch_priority < value[REG_BASEPRI]);
}

void vb_block(void *uc, uint64_t address, uint32_t bytes, void *user) {
    vb_state_t *s = user;
    if (s->instructions >= s->limit || (s->watch && mask_lifted(uc, s))) {
        s->stopped = 1;
        s->emu_stop(uc);
        return;
    }
    uint32_t at = (uint32_t)address, n;
    if (at - s->flash_base < s->flash_bytes) {
        uint32_t half = (at - s->flash_base) >> 1;
        uint32_t known = s->flash_counts[half];
        if (known >> 16 != (bytes & 0xFFFF) || known == 0) {
            known = bytes << 16 | count_instructions(s->flash + (half << 1), bytes);
            s->flash_counts[half] = known;
        }
        n = known & 0xFFFF;
        if (s->profile_on) {
            s->flash_profile[half] += n;
        }
    } else {
        if (at - s->ram_base < s->ram_bytes) {
            n = count_instructions(s->ram + (at - s->ram_base), bytes);
        } else if (at - s->itcm_base < s->itcm_bytes) {
            n = count_instructions(s->itcm + (at - s->itcm_base), bytes);
        } else {
            n = (bytes + 3) / 4;
        }
        if (s->profile_on) {
            s->ram_profile += n;
        }
    }
    s->block_first = s->instructions;
    s->instructions += n;
    s->block_address = at;
    s->block_bytes = bytes;
}

/* Programs poll DWT->CYCCNT in tight loops; everything else on its page is Python's. */
uint64_t vb_dwt_read(void *uc, uint64_t offset, unsigned size, void *user) {
    const vb_state_t *s = user;
    if (offset != 4 || size != 4) {
        return s->dwt_read(uc, offset, size, user);
    }
    uint64_t ran = s->cyccnt_on ? s->block_first + s->stalled - s->cyccnt_start : 0;
    return (uint32_t)(s->cyccnt_held + ran);
}
