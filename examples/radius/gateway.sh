#!/bin/sh
# Plays a gateway for one session of a card, with FreeRADIUS' radclient: asks whether the card may have it, reports that
# it runs, and that it has ended. Usage: gateway.sh SECRET_FILE IMSI IMEISV [HOST]
set -eu
secret=$1 imsi=$2 imeisv=$3 host=${4:-127.0.0.1}
auth=$host:${AUTH_PORT:-1812} acct=$host:${ACCT_PORT:-1813}
session=example-$$

say() { # SERVER KIND: the card's attributes, and those on stdin
  {
    cat
    echo "3GPP-IMSI = \"$imsi\", 3GPP-IMEISV = \"$imeisv\", Called-Station-Id = \"cmiot\""
    # Tracking area 1234 and E-UTRAN cell 5678901 of 460 00 (3GPP TS 29.061 clause 16.4.7.2).
    echo '3GPP-User-Location-Info = 0x8264f00004d264f0000056a735'
  } | paste -sd, | radclient -x -S "$secret" "$1" "$2"
}

echo 'Message-Authenticator = 0x00' | say "$auth" auth || exit 1
echo "Acct-Status-Type = Start, Acct-Session-Id = \"$session\"" | say "$acct" acct
echo "Acct-Status-Type = Stop, Acct-Session-Id = \"$session\"" | say "$acct" acct
