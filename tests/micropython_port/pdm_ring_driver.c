// Runs pdm_ring.c on commands from standard input, for test_pdm_ring.py; built with the sanitizers.
//
//   pdm_ring_driver gain <full_scale> <gain_db>                      prints the gain
//   pdm_ring_driver ring <capacity> <channels> <gain> <dc_shift>     then records, all numbers 32-bit little-endian:
//     'p' n, words[channels][n]    -> frames stored
//     'g' n                        -> frames got, int16 samples[got][channels]
//     's'                          -> frames available, frames lost

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pdm_ring.h"

static uint32_t read_u32(void) {
    uint32_t value;
    if (fread(&value, sizeof(value), 1, stdin) != 1) {
        exit(2);
    }
    return value;
}

static void write_u32(uint32_t value) {
    fwrite(&value, sizeof(value), 1, stdout);
}

static void put(pdm_ring_t *ring) {
    uint32_t count = read_u32();
    int32_t *words[PDM_RING_MAX_CHANNELS] = {NULL, NULL};
    for (uint32_t c = 0; c < ring->channels; ++c) {
        words[c] = malloc(count * sizeof(int32_t)); // exactly as long, so that a read past it is seen
        if (fread(words[c], sizeof(int32_t), count, stdin) != count) {
            exit(2);
        }
    }
    const int32_t *const arguments[PDM_RING_MAX_CHANNELS] = {words[0], words[1]};
    write_u32(pdm_ring_put(ring, arguments, count));
    free(words[0]);
    free(words[1]);
}

static void get(pdm_ring_t *ring) {
    uint32_t count = read_u32();
    size_t bytes = count * ring->channels * sizeof(int16_t);
    uint8_t *memory = malloc(bytes + 1);
    uint8_t *out = memory + 1; // misaligned, as a memoryview may be
    uint32_t got = pdm_ring_get(ring, out, count);
    write_u32(got);
    fwrite(out, ring->channels * sizeof(int16_t), got, stdout);
    free(memory);
}

int main(int argc, char **argv) {
    if (argc == 4 && strcmp(argv[1], "gain") == 0) {
        printf("%d\n", pdm_gain_q40(strtof(argv[2], NULL), strtof(argv[3], NULL)));
        return 0;
    }
    if (argc != 6) {
        return 2;
    }
    uint32_t capacity = (uint32_t)strtoul(argv[2], NULL, 10);
    uint32_t channels = (uint32_t)strtoul(argv[3], NULL, 10);
    pdm_ring_t ring;
    int16_t *samples = malloc((size_t)capacity * channels * sizeof(int16_t));
    if (!pdm_ring_init(&ring, samples, capacity, channels, atoi(argv[4]), (uint32_t)atoi(argv[5]))) {
        free(samples);
        return 3;
    }
    for (int op = getchar(); op != EOF; op = getchar()) {
        if (op == 'p') {
            put(&ring);
        } else if (op == 'g') {
            get(&ring);
        } else {
            write_u32(pdm_ring_available(&ring));
            write_u32(ring.frames_lost);
        }
    }
    free(samples);
    return 0;
}
