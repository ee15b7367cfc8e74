// frontend_bytes SECTION PCM: the int8 features and then the int16 raw features of a file of int16 samples, to the
// standard output as bytes. A static binary for any platform, so that a test can compare platforms.
#include <stdio.h>
#include <stdlib.h>

#include "frontend/frontend.h"

size_t kws_frontend_clip(const kws_frontend_t *fe, const int16_t *pcm, size_t n, int16_t *raw, int8_t *features);

static void *read_file(const char *path, size_t *bytes) {
    FILE *const file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        perror(path);
        exit(2);
    }
    *bytes = (size_t)ftell(file);
    rewind(file);
    void *const data = malloc(*bytes + 1);
    if (data == NULL || fread(data, 1, *bytes, file) != *bytes) {
        perror(path);
        exit(2);
    }
    fclose(file);
    return data;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: %s SECTION PCM\n", argv[0]);
        return 2;
    }
    size_t section_bytes, pcm_bytes;
    const void *const section = read_file(argv[1], &section_bytes);
    const int16_t *const pcm = read_file(argv[2], &pcm_bytes);
    const size_t n = pcm_bytes / sizeof(int16_t);

    kws_frontend_t fe;
    kws_error_t err;
    if (kws_frontend_open(&fe, section, section_bytes, &err) != KWS_OK) {
        fprintf(stderr, "%s: status %d at byte %lu\n", err.what, err.code, (unsigned long)err.where);
        return 1;
    }
    int16_t *const out = malloc((n + 1) * fe.n_out * sizeof(int16_t));
    if (out == NULL) {
        return 2;
    }
    size_t values = kws_frontend_clip(&fe, pcm, n, NULL, (int8_t *)out) * fe.n_out;
    if (fwrite(out, sizeof(int8_t), values, stdout) != values) {
        return 2;
    }
    kws_frontend_clip(&fe, pcm, n, out, NULL);
    return fwrite(out, sizeof(int16_t), values, stdout) == values ? 0 : 2;
}
