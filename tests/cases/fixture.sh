# The files that maps of the cases and examples name, in a folder that stands for the root: . fixture.sh; make_fixture DIR
# Sourced behind tests/tap.sh.

# self_signed FILE NAMES: certificate and key in one PEM
self_signed()
{
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 100 -subj "/CN=${2%%,*}" \
        -addext "subjectAltName=DNS:$(echo "$2" | sed 's/,/,DNS:/g')" -keyout "$1.key" -out "$1.crt" 2>/dev/null || return 1
    cat "$1.crt" "$1.key" >"$1"
}

make_fixture()
{
    mkdir -p "$1/etc/ssl/marley" "$1/etc/haproxy" "$1/etc/khap" "$1/var/lib/haproxy/ssl/certs.d" || return 1
    self_signed "$1/etc/ssl/example.com.pem" 'www.example.com,*.shop.example.com' &&
        self_signed "$1/etc/ssl/admin.pem" admin.example.com &&
        self_signed "$1/pem" marley.xyz,www.marley.xyz || return 1
    mv "$1/pem.crt" "$1/etc/ssl/marley/fullchain.pem"
    mv "$1/pem.key" "$1/etc/ssl/marley/privkey.pem"
    mv "$1/pem" "$1/var/lib/haproxy/ssl/certs.d/marley.pem"
    cp "$1/etc/ssl/admin.pem.crt" "$1/etc/ssl/ca.pem"
    openssl x509 -in "$1/etc/ssl/ca.pem" -pubkey -noout >"$1/etc/khap/jwt.pem"
    rm -f "$1"/etc/ssl/*.key "$1"/etc/ssl/*.crt
    echo "etc/ssl/example.com.pem" >"$1/etc/haproxy/crt-list.txt"
    echo "0123456789abcdef" >"$1/etc/khap/cookie.key"
}

# Makes a map speak of the files of the fixture, relative to its root.
# No name server is asked: host names of servers become one that every machine knows.
to_fixture() { sed -E 's#/(etc/(ssl|haproxy|khap)|var/lib/haproxy/ssl)/#\1/#g; s/[a-z0-9]+\.(cluster|internal)\.example/localhost/g'; }
