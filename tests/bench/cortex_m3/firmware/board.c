// What MicroPython's port to QEMU's mps2-an385 (Cortex-M3) lacks for an agent: a clock, sleep, the modem's UART; and a
// count of instructions. Registers: Arm Cortex-M System Design Kit Technical Reference Manual (UART, dual timer) and
// Armv7-M Architecture Reference Manual (SysTick, NVIC, VTOR); interrupt numbers: Arm application note AN385.

#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "py/stream.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))

#define TIMER_VALUE REGISTER(0x40002004)
#define TIMER_CONTROL REGISTER(0x40002008)
#define TIMER_FREE_RUNNING_32_BIT (0x82)

#define SYSTICK_CONTROL REGISTER(0xe000e010)
#define SYSTICK_RELOAD REGISTER(0xe000e014)
#define SYSTICK_VALUE REGISTER(0xe000e018)
#define NVIC_ENABLE REGISTER(0xe000e100)
#define VECTOR_TABLE REGISTER(0xe000ed08)

#define UART_DATA REGISTER(0x40005000)
#define UART_STATE REGISTER(0x40005004)
#define UART_CONTROL REGISTER(0x40005008)
#define UART_INTERRUPT REGISTER(0x4000500c)
#define UART_BAUD_DIVISOR REGISTER(0x40005010)
#define UART_RECEIVE_INTERRUPT (2)

#define TICKS_PER_MS (25000)
#define SYSTICK_VECTOR (15)
#define UART_RECEIVE_VECTOR (16 + UART_RECEIVE_INTERRUPT)
#define VECTORS (64)

// QEMU's -icount shift=4 makes an instruction last 16 ns; the timer counts 40 ns.
#define INSTRUCTIONS(ticks) ((ticks) * 5 >> 1)

static uint32_t vectors[VECTORS] __attribute__((aligned(VECTORS * 4)));
static volatile uint8_t received[256];
static volatile uint8_t received_end, received_start;
static volatile uint32_t milliseconds;
static uint64_t idle_ticks;

static uint64_t ticks(void) {
    // Good as long as it is asked once in the 171 s that the timer takes to wrap.
    static uint64_t total;
    static uint32_t last;
    uint32_t now = ~TIMER_VALUE;
    total += now - last;
    last = now;
    return total;
}

static void on_systick(void) {
    milliseconds++;
}

static void on_received(void) {
    UART_INTERRUPT = 2;
    received[received_end++] = UART_DATA;
}

void board_init(void) {
    TIMER_CONTROL = TIMER_FREE_RUNNING_32_BIT;
    memcpy(vectors, (void *)VECTOR_TABLE, 16 * sizeof(*vectors));
    vectors[SYSTICK_VECTOR] = (uint32_t)on_systick;
    vectors[UART_RECEIVE_VECTOR] = (uint32_t)on_received;
    VECTOR_TABLE = (uint32_t)vectors;
    SYSTICK_RELOAD = TICKS_PER_MS - 1;
    SYSTICK_VALUE = 0;
    SYSTICK_CONTROL = 7;
    UART_BAUD_DIVISOR = 217; // 115200 Bd
    UART_CONTROL = 0x0b; // transmit, receive, receive interrupt
    NVIC_ENABLE = 1 << UART_RECEIVE_INTERRUPT;
}

void board_idle(int timeout_ms) {
    // Sleeps until the time is over (-1: never) or the modem has spoken; SysTick wakes it to look.
    uint64_t start = ticks();
    uint32_t start_ms = milliseconds;
    while (received_start == received_end && milliseconds - start_ms < (uint32_t)timeout_ms) {
        __asm volatile ("wfi");
        ticks();
    }
    idle_ticks += ticks() - start;
}

mp_uint_t mp_hal_ticks_ms(void) {
    return milliseconds;
}

mp_uint_t mp_hal_ticks_us(void) {
    return (uint32_t)ticks() / (TICKS_PER_MS / 1000);
}

mp_uint_t mp_hal_ticks_cpu(void) {
    return INSTRUCTIONS(ticks());
}

void mp_hal_delay_ms(mp_uint_t ms) {
    for (mp_uint_t start = mp_hal_ticks_ms(), passed = 0; passed < ms; passed = mp_hal_ticks_ms() - start) {
        mp_event_wait_ms(ms - passed);
    }
}

void mp_hal_delay_us(mp_uint_t us) {
    for (mp_uint_t start = mp_hal_ticks_us(); mp_hal_ticks_us() - start < us;) {
    }
}

static mp_uint_t modem_read(mp_obj_t self, void *to, mp_uint_t size, int *error) {
    mp_uint_t n = 0;
    while (n < size && received_start != received_end) {
        ((uint8_t *)to)[n++] = received[received_start++];
    }
    *error = MP_EAGAIN;
    return n ? n : MP_STREAM_ERROR;
}

static mp_uint_t modem_write(mp_obj_t self, const void *from, mp_uint_t size, int *error) {
    for (mp_uint_t n = 0; n < size; n++) {
        while (UART_STATE & 1) {
        }
        UART_DATA = ((const uint8_t *)from)[n];
    }
    return size;
}

static mp_uint_t modem_ioctl(mp_obj_t self, mp_uint_t request, uintptr_t argument, int *error) {
    if (request == MP_STREAM_POLL) {
        mp_uint_t ready = MP_STREAM_POLL_WR | (received_start == received_end ? 0 : MP_STREAM_POLL_RD);
        return ready & argument;
    }
    *error = MP_EINVAL;
    return MP_STREAM_ERROR;
}

static const mp_stream_p_t modem_stream = {
    .read = modem_read,
    .write = modem_write,
    .ioctl = modem_ioctl,
};

static const mp_rom_map_elem_t modem_names_table[] = {
    { MP_ROM_QSTR(MP_QSTR_readinto), MP_ROM_PTR(&mp_stream_readinto_obj) },
    { MP_ROM_QSTR(MP_QSTR_read), MP_ROM_PTR(&mp_stream_read_obj) },
    { MP_ROM_QSTR(MP_QSTR_write), MP_ROM_PTR(&mp_stream_write_obj) },
};
static MP_DEFINE_CONST_DICT(modem_names, modem_names_table);

static MP_DEFINE_CONST_OBJ_TYPE(modem_type, MP_QSTR_UART, MP_TYPE_FLAG_NONE, protocol, &modem_stream,
    locals_dict, &modem_names);
static const mp_obj_base_t modem = { &modem_type };

// instructions() -> how many were executed since the start; sleep is left out.
static mp_obj_t instructions(void) {
    return mp_obj_new_int_from_ull(INSTRUCTIONS(ticks() - idle_ticks));
}
static MP_DEFINE_CONST_FUN_OBJ_0(instructions_obj, instructions);

static const mp_rom_map_elem_t board_names_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_board) },
    { MP_ROM_QSTR(MP_QSTR_instructions), MP_ROM_PTR(&instructions_obj) },
    { MP_ROM_QSTR(MP_QSTR_modem), MP_ROM_PTR(&modem) },
};
static MP_DEFINE_CONST_DICT(board_names, board_names_table);

const mp_obj_module_t board_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&board_names,
};
MP_REGISTER_MODULE(MP_QSTR_board, board_module);
