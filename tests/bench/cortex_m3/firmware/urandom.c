// Included by MicroPython's os module. The same "random" octets in every run, so that runs compare: a bench, no device.
static mp_obj_t mp_os_urandom(mp_obj_t size) {
    static uint32_t state = 1;
    vstr_t octets;
    vstr_init_len(&octets, mp_obj_get_int(size));
    for (size_t i = 0; i < octets.len; i++) {
        // xorshift32 (Marsaglia 2003)
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        octets.buf[i] = state >> 24;
    }
    return mp_obj_new_bytes_from_vstr(&octets);
}
static MP_DEFINE_CONST_FUN_OBJ_1(mp_os_urandom_obj, mp_os_urandom);
