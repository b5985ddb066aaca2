#!/bin/sh
# httpd, a 401 with two challenges, and an ErrorDocument that is a script (mod_cgi).
#
# Expected by most: both WWW-Authenticate lines that the server has set stand in the answer as they
# would with a static page, one line each.
# Seen (httpd 2.4.71, Debian 12): with a static page, or none, there are two lines. With a script
# the two are one line, with a comma between them.
# What it means: RFC 9110 section 11.6.1 allows one line for several challenges, but browsers such as
# Chromium do not find "Negotiate" there when "Basic" follows it, and never send a ticket.
#
# Needs Debian 12, apt-get, dpkg, curl. Fails when the behaviour changes.
set -eu
tmp=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || { kill "$pid"; wait "$pid" || :; }; rm -rf "$tmp"' EXIT
chmod 755 "$tmp"
cd "$tmp"
apt-get download -qq -o APT::Sandbox::User=root apache2-bin=2.4.71-1~deb12u1 libapr1=1.7.2-3+deb12u1 \
    libaprutil1=1.6.3-1 >/dev/null
for deb in ./*.deb; do dpkg -x "$deb" root; done
modules=$tmp/root/usr/lib/apache2/modules
LD_LIBRARY_PATH=$(dirname "$(find "$tmp/root" -name 'libapr-1.so.0')")
export LD_LIBRARY_PATH
port=$(perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport')
mkdir htdocs logs cgi
echo sorry >htdocs/sorry.html
printf '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\nsorry\\n"\n' >cgi/sorry
chmod 755 cgi/sorry
cat >httpd.conf <<CONF
ServerName localhost
ServerRoot $tmp
PidFile $tmp/logs/httpd.pid
ErrorLog $tmp/logs/error_log
Listen 127.0.0.1:$port
LoadModule mpm_prefork_module $modules/mod_mpm_prefork.so
LoadModule authz_core_module $modules/mod_authz_core.so
LoadModule alias_module $modules/mod_alias.so
LoadModule rewrite_module $modules/mod_rewrite.so
LoadModule headers_module $modules/mod_headers.so
LoadModule cgi_module $modules/mod_cgi.so
Mutex file:$tmp/logs
User nobody
Group nogroup
DocumentRoot $tmp/htdocs
ScriptAlias /cgi $tmp/cgi
CONF
# Two challenges, as modules set them: in the headers that are sent with errors, too.
cat >>httpd.conf <<'CONF'
Header always set WWW-Authenticate "Negotiate" early
Header always add WWW-Authenticate "Basic realm=\"x\"" early
<Location /static>
    ErrorDocument 401 /sorry.html
    RewriteEngine On
    RewriteRule ^ - [R=401,L]
</Location>
<Location /script>
    ErrorDocument 401 /cgi/sorry
    RewriteEngine On
    RewriteRule ^ - [R=401,L]
</Location>
CONF
setsid "$tmp/root/usr/sbin/apache2" -f "$tmp/httpd.conf" -D FOREGROUND &
pid=$!
tries=0
until curl -s -o /dev/null "http://127.0.0.1:$port/sorry.html"; do
    tries=$((tries + 1))
    [ "$tries" -lt 50 ] || { cat logs/error_log; exit 2; }
    sleep 0.2
done
lines() { curl -s -m 20 -D - -o /dev/null "http://127.0.0.1:$port/$1" | tr -d '\r' | grep -i '^WWW-Authenticate'; }
echo "static page:" && lines static | tee static | sed 's/^/    /'
echo "script:" && lines script | tee script | sed 's/^/    /'
[ "$(wc -l <static) $(wc -l <script)" = "2 1" ] || { echo "changed"; exit 1; }
echo "as described"
