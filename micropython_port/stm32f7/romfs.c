// vfs.rom_ioctl: one ROMFS segment, in the internal flash.

#include "extmod/vfs.h"
#include "flash.h"
#include "py/mperrno.h"
#include "py/objarray.h"
#include "py/runtime.h"

extern uint8_t _romfs_start[], _romfs_size[];

static const MP_DEFINE_MEMORYVIEW_OBJ(segment, 'B', 0, (uintptr_t)_romfs_size, (void *)_romfs_start);

#define MIN_WRITE_BYTES 16 // a power of two that FLASH_WRITE_BYTES divides; mpremote sends multiples of it

mp_obj_t mp_vfs_rom_ioctl(size_t n_args, const mp_obj_t *args) {
    mp_int_t command = mp_obj_get_int(args[0]);
    if (command == MP_VFS_ROM_IOCTL_GET_NUMBER_OF_SEGMENTS) {
        return MP_OBJ_NEW_SMALL_INT(1);
    }
    if (n_args < 2 || mp_obj_get_int(args[1]) != 0) {
        return MP_OBJ_NEW_SMALL_INT(-MP_EINVAL);
    }
    uint32_t start = (uint32_t)(uintptr_t)_romfs_start;
    int result = -MP_EINVAL;
    if (command == MP_VFS_ROM_IOCTL_GET_SEGMENT) {
        return MP_OBJ_FROM_PTR(&segment);
    } else if (command == MP_VFS_ROM_IOCTL_WRITE_PREPARE && n_args == 3) {
        mp_int_t len = mp_obj_get_int(args[2]);
        int error = len < 0 ? -MP_EINVAL : flash_erase(start, len);
        result = error ? error : MIN_WRITE_BYTES;
    } else if (command == MP_VFS_ROM_IOCTL_WRITE && n_args == 4) {
        mp_int_t offset = mp_obj_get_int(args[2]);
        mp_buffer_info_t buffer;
        mp_get_buffer_raise(args[3], &buffer, MP_BUFFER_READ);
        if (offset >= 0 && (uint32_t)offset <= (uintptr_t)_romfs_size) {
            result = flash_program(start + (uint32_t)offset, buffer.buf, buffer.len);
        }
        if (result < 0) {
            mp_raise_OSError(-result); // mpremote does not look at what a write returns
        }
    } else if (command == MP_VFS_ROM_IOCTL_WRITE_COMPLETE) {
        result = 0;
    }
    return MP_OBJ_NEW_SMALL_INT(result);
}
