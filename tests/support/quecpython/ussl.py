"""ussl. https://python.quectel.com/doc/quecpython/API_reference/en/networklib/ussl.html

SIMBOND_USSL=documented: wrap_socket() has the arguments of the reference. SIMBOND_USSL=port: also ca, in PEM, as in
modussl_mbedtls.c of the published port, and what it returns has read() and write() alone, as there.
"""

import os

import tls

if os.getenv("SIMBOND_USSL") == "port":
    from binascii import a2b_base64

    def wrap_socket(sock, server_hostname=None, cert=None, key=None, ca=None):
        context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        context.verify_mode = tls.CERT_REQUIRED if ca else tls.CERT_NONE
        if ca:
            context.load_verify_locations(a2b_base64("".join(ca.strip().split("\n")[1:-1])))
        return context.wrap_socket(sock._socket, server_hostname=server_hostname)
else:

    def wrap_socket(sock, server_hostname=None, cert=None, key=None):
        context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        context.verify_mode = tls.CERT_NONE
        return context.wrap_socket(sock._socket, server_hostname=server_hostname)
