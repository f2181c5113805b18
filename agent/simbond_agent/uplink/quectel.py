"""What Quectel's MQTT and HTTP stacks stand on: PDP context 1 and TLS context 5.

Sources: EC2x&EG9x&EM05 TCP(IP) Application Note V1.1, FILE Application Note V1.0, EC2x&EG9x&EG2x-G&EM05 SSL Application
Note V1.1 (seclevel 1: the server is verified; 2 would ask for a certificate of ours), LTE Standard SSL Application Note
V1.3 (checkhost).
"""

_ACTIVATION_MS = 150000
# The clock of a module that has not seen the network yet would refuse every certificate.
_TLS = ('"sslversion",5,4', '"ciphersuite",5,0XFFFF', '"seclevel",5,1', '"ignorelocaltime",5,1', '"sni",5,1')


async def context_is_up(link):
    return await link._has("AT+QIACT?", "+QIACT:1,1")


async def prepare(link):
    """Activates the context and, for TLS, has the CA in the module. Raises UplinkError."""
    if not await context_is_up(link):
        if link._apn:
            await link._do('AT+QICSGP=1,1,"{}"'.format(link._apn))
        await link._do("AT+QIACT=1", _ACTIVATION_MS)
    if not link._tls:
        return
    name, pem = link._pem()
    # A file of another size is an upload that was cut short.
    if not await link._has('AT+QFLST="{}"'.format(name), '+QFLST:"{}",{}'.format(name, len(pem))):
        await link._try('AT+QFDEL="{}"'.format(name))
        await link._do('AT+QFUPL="{}",{}'.format(name, len(pem)), 15000, pem)
    for setting in ('"cacert",5,"{}"'.format(name),) + _TLS:
        await link._do("AT+QSSLCFG=" + setting)
    if not await link._try('AT+QSSLCFG="checkhost",5,1'):
        link._require_own_ca()
