// A plugin for qemu-aarch64 that counts instructions: whenever the program makes system call 5000 + n, which no Linux
// has, it prints "n count" to the standard error, the count being that of the thread's instructions so far. qemu adds a
// block's instructions when it enters it.
//
// QEMU's plugin interface is declared here as far as it is used, because Debian's qemu-user comes without its header.
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define FIRST_MARK 5000
#define NO_REGISTERS 0

struct qemu_plugin_tb;
typedef uint64_t qemu_plugin_id_t;
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, void (*f)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *block, void (*f)(unsigned, void *), int flags,
                                          void *data);
void qemu_plugin_register_vcpu_syscall_cb(qemu_plugin_id_t id,
                                          void (*f)(qemu_plugin_id_t, unsigned, int64_t, uint64_t, uint64_t, uint64_t,
                                                    uint64_t, uint64_t, uint64_t, uint64_t, uint64_t));

// a64run.py sets it to what the installed qemu wants; what is used here has been the same since version 1.
__attribute__((visibility("default"))) int qemu_plugin_version = PLUGIN_VERSION;

static uint64_t instructions;

static void enter(unsigned cpu, void *block_instructions) {
    (void)cpu;
    instructions += (uintptr_t)block_instructions;
}

static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *block) {
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_cb(block, enter, NO_REGISTERS, (void *)qemu_plugin_tb_n_insns(block));
}

static void system_call(qemu_plugin_id_t id, unsigned cpu, int64_t number, uint64_t a1, uint64_t a2, uint64_t a3,
                        uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8) {
    (void)id, (void)cpu, (void)a1, (void)a2, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
    if (number >= FIRST_MARK) {
        fprintf(stderr, "%ld %llu\n", (long)(number - FIRST_MARK), (unsigned long long)instructions);
    }
}

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc,
                                                               char **argv) {
    (void)info, (void)argc, (void)argv;
    if (argc != 0) {
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
    qemu_plugin_register_vcpu_syscall_cb(id, system_call);
    return 0;
}
