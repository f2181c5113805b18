// MicroPython's configuration for the bench: its port to QEMU, with what an agent needs and that port leaves out.
#include "mpconfigport.h"

#undef MICROPY_PY_TIME
#undef MICROPY_PY_SELECT
#undef MICROPY_PY_ASYNCIO
#define MICROPY_PY_TIME (1)
#define MICROPY_PY_SELECT (1)
#define MICROPY_PY_ASYNCIO (1)
#define MICROPY_PY_OS_URANDOM (1)
#define MICROPY_PY_OS_INCLUDEFILE "urandom.c"

void board_init(void);
void board_idle(int timeout_ms);
#define MICROPY_PORT_INIT_FUNC board_init()
#define MICROPY_INTERNAL_WFE(timeout_ms) board_idle(timeout_ms)
