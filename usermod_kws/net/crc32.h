#ifndef KWS_CRC32_H
#define KWS_CRC32_H

#include <stddef.h>
#include <stdint.h>

// As zlib's crc32(data) from the start.
uint32_t kws_crc32(const void *data, size_t length);

#endif
