#!/bin/sh
# httpd's mod_ssl, a virtual host with two certificates (RSA and ECDSA), and a resumed TLS session.
#
# Expected by most: SSL_SERVER_CERT and the variables SSL_SERVER_* are of the certificate that the
# client of this connection was shown, in its first handshake or in this one.
# Seen (httpd 2.4.71, OpenSSL 3.0.19, Debian 12): they are in a full handshake. In a resumed session,
# where no certificate is sent, they are of the other certificate when the client was shown RSA.
# What it means: tls-server-end-point (RFC 5929) cannot be made of SSL_SERVER_CERT there.
#
# Needs Debian 12, apt-get, dpkg, openssl. Fails when the behaviour changes.
set -eu
httpd=2.4.71-1~deb12u1
tmp=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || { kill "$pid"; wait "$pid" || :; }; rm -rf "$tmp"' EXIT
chmod 755 "$tmp"
cd "$tmp"
apt-get download -qq -o APT::Sandbox::User=root "apache2-bin=$httpd" libapr1=1.7.2-3+deb12u1 libaprutil1=1.6.3-1 >/dev/null
for deb in ./*.deb; do dpkg -x "$deb" root; done
modules=$tmp/root/usr/lib/apache2/modules
LD_LIBRARY_PATH=$(dirname "$(find "$tmp/root" -name 'libapr-1.so.0')")
export LD_LIBRARY_PATH

openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=rsa.example -days 1 -keyout rsa.key -out rsa.crt 2>/dev/null
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=ecdsa.example -days 1 \
    -keyout ecdsa.key -out ecdsa.crt 2>/dev/null
port=$(perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport')
mkdir htdocs logs
echo hello >htdocs/index.html
cat >httpd.conf <<CONF
ServerName localhost
ServerRoot $tmp
PidFile $tmp/logs/httpd.pid
ErrorLog $tmp/logs/error_log
Listen 127.0.0.1:$port
LoadModule mpm_event_module $modules/mod_mpm_event.so
LoadModule authz_core_module $modules/mod_authz_core.so
LoadModule headers_module $modules/mod_headers.so
LoadModule socache_shmcb_module $modules/mod_socache_shmcb.so
LoadModule ssl_module $modules/mod_ssl.so
Mutex file:$tmp/logs
User nobody
Group nogroup
DocumentRoot $tmp/htdocs
SSLEngine on
SSLCertificateFile $tmp/rsa.crt
SSLCertificateKeyFile $tmp/rsa.key
SSLCertificateFile $tmp/ecdsa.crt
SSLCertificateKeyFile $tmp/ecdsa.key
Header always set X-Certificate "%{SSL_SERVER_S_DN_CN}s"
Header always set X-Session "%{SSL_SESSION_RESUMED}s"
CONF
setsid "$tmp/root/usr/sbin/apache2" -f "$tmp/httpd.conf" -D FOREGROUND &
pid=$!

# ask OPTIONS...: what the server says of one request over TLS 1.2, from a client that wants RSA.
ask() {
    printf 'GET / HTTP/1.0\r\n\r\n' |
        timeout 20 openssl s_client -connect "127.0.0.1:$port" -tls1_2 -sigalgs rsa_pss_rsae_sha256:rsa_pkcs1_sha256 \
            -ign_eof "$@" 2>/dev/null | tr -d '\r'
}
tries=0
until ask | grep -q '^X-Certificate'; do
    tries=$((tries + 1))
    [ "$tries" -lt 50 ] || { cat logs/error_log; exit 2; }
    sleep 0.2
done
ask -sess_out session.pem >first
ask -sess_in session.pem >second
say() { sed -n 's/^X-Certificate: //p' "$1"; }
how() { sed -n 's/^X-Session: //p' "$1"; }
echo "full handshake ($(how first)): the client was shown rsa.example, SSL_SERVER_S_DN_CN is $(say first)"
echo "resumed ($(how second)):       SSL_SERVER_S_DN_CN is $(say second)"
[ "$(how first) $(how second)" = "Initial Resumed" ] || { echo "the session was not resumed"; exit 2; }
[ "$(say first)" = rsa.example ] || { echo "changed: the full handshake"; exit 1; }
[ "$(say second)" = ecdsa.example ] || { echo "changed: the resumed session"; exit 1; }
echo "as described"
