// Module stm: Flash, the block device on the NOR chip that littlefs lives on.

#include "board.h"
#include "extmod/vfs.h"
#include "py/mperrno.h"
#include "py/runtime.h"
#include "qspi.h"

// The chip's last 256 KiB are not part of the block device: room for what must outlive a format.
#define RESERVED_BYTES (256U * 1024U)
#define BLOCK_COUNT ((BOARD_QSPI_BYTES - RESERVED_BYTES) / NOR_SECTOR_BYTES)

typedef struct {
    mp_obj_base_t base;
} flash_obj_t;

static const mp_obj_type_t flash_type;
static const flash_obj_t flash_obj = {{&flash_type}};

static mp_obj_t flash_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    (void)type;
    (void)args;
    mp_arg_check_num(n_args, n_kw, 0, 0, false);
    return MP_OBJ_FROM_PTR(&flash_obj);
}

// The address that (block, offset) means; -1 when [address, address + len) leaves the device.
static int64_t locate(mp_obj_t block_in, mp_int_t offset, size_t len) {
    mp_int_t block = mp_obj_get_int(block_in);
    int64_t address = (int64_t)block * NOR_SECTOR_BYTES + offset;
    bool inside = block >= 0 && offset >= 0 && address + (int64_t)len <= (int64_t)BLOCK_COUNT * NOR_SECTOR_BYTES;
    return inside ? address : -1;
}

// readblocks(block, buf[, offset])
static mp_obj_t flash_readblocks(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(args[2], &buffer, MP_BUFFER_WRITE);
    int64_t address = locate(args[1], n_args > 3 ? mp_obj_get_int(args[3]) : 0, buffer.len);
    return MP_OBJ_NEW_SMALL_INT(address < 0 ? -MP_EINVAL : nor_read((uint32_t)address, buffer.buf, buffer.len));
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(flash_readblocks_obj, 3, 4, flash_readblocks);

// writeblocks(block, buf[, offset]); without an offset the blocks are erased first.
static mp_obj_t flash_writeblocks(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(args[2], &buffer, MP_BUFFER_READ);
    int64_t address = locate(args[1], n_args > 3 ? mp_obj_get_int(args[3]) : 0, buffer.len);
    if (address < 0) {
        return MP_OBJ_NEW_SMALL_INT(-MP_EINVAL);
    }
    int error = 0;
    if (n_args == 3) {
        for (size_t at = 0; at < buffer.len && !error; at += NOR_SECTOR_BYTES) {
            error = nor_erase_sector((uint32_t)address + at);
        }
    }
    return MP_OBJ_NEW_SMALL_INT(error ? error : nor_program((uint32_t)address, buffer.buf, buffer.len));
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(flash_writeblocks_obj, 3, 4, flash_writeblocks);

// ioctl(operation, argument), see the block device protocol of MicroPython's vfs module.
static mp_obj_t flash_ioctl(mp_obj_t self_in, mp_obj_t operation_in, mp_obj_t argument_in) {
    (void)self_in;
    switch (mp_obj_get_int(operation_in)) {
        case MP_BLOCKDEV_IOCTL_INIT:
            return MP_OBJ_NEW_SMALL_INT(nor_init());
        case MP_BLOCKDEV_IOCTL_DEINIT:
        case MP_BLOCKDEV_IOCTL_SYNC: // nothing is held back
            return MP_OBJ_NEW_SMALL_INT(0);
        case MP_BLOCKDEV_IOCTL_BLOCK_COUNT:
            return MP_OBJ_NEW_SMALL_INT(BLOCK_COUNT);
        case MP_BLOCKDEV_IOCTL_BLOCK_SIZE:
            return MP_OBJ_NEW_SMALL_INT(NOR_SECTOR_BYTES);
        case MP_BLOCKDEV_IOCTL_BLOCK_ERASE: {
            int64_t address = locate(argument_in, 0, NOR_SECTOR_BYTES);
            return MP_OBJ_NEW_SMALL_INT(address < 0 ? -MP_EINVAL : nor_erase_sector((uint32_t)address));
        }
        default:
            return mp_const_none;
    }
}
static MP_DEFINE_CONST_FUN_OBJ_3(flash_ioctl_obj, flash_ioctl);

static const mp_rom_map_elem_t flash_locals_table[] = {
    {MP_ROM_QSTR(MP_QSTR_readblocks), MP_ROM_PTR(&flash_readblocks_obj)},
    {MP_ROM_QSTR(MP_QSTR_writeblocks), MP_ROM_PTR(&flash_writeblocks_obj)},
    {MP_ROM_QSTR(MP_QSTR_ioctl), MP_ROM_PTR(&flash_ioctl_obj)},
};
static MP_DEFINE_CONST_DICT(flash_locals, flash_locals_table);

static MP_DEFINE_CONST_OBJ_TYPE(flash_type, MP_QSTR_Flash, MP_TYPE_FLAG_NONE,
    make_new, flash_make_new, locals_dict, &flash_locals);

static const mp_rom_map_elem_t stm_globals_table[] = {
    {MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_stm)},
    {MP_ROM_QSTR(MP_QSTR_Flash), MP_ROM_PTR(&flash_type)},
};
static MP_DEFINE_CONST_DICT(stm_globals, stm_globals_table);

const mp_obj_module_t stm_module = {
    .base = {&mp_type_module},
    .globals = (mp_obj_dict_t *)&stm_globals,
};

MP_REGISTER_MODULE(MP_QSTR_stm, stm_module);
