#!/bin/bash
# In the place of the image python:3.11-slim-bookworm: Debian bookworm and its Python, under the name that is told. Needs mmdebstrap.
# What this machine trusts, the image trusts: a proxy that opens TLS is met where no registry answers.
set -euo pipefail
trusted=/etc/ssl/certs/ca-certificates.crt
mmdebstrap --quiet --variant=minbase --include=ca-certificates,python3,python3-pip,python3-venv \
  --aptopt='Dir::Cache { pkgcache ""; srcpkgcache ""; }' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/man/*' \
  --customize-hook="copy-in $trusted /etc/ssl/certs" \
  --customize-hook='rm "$1"/usr/lib/python3*/EXTERNALLY-MANAGED && ln -s python3 "$1"/usr/bin/python' \
  bookworm - | docker import --change "ENV SSL_CERT_FILE=$trusted" --change 'CMD ["python3"]' - "$1"
