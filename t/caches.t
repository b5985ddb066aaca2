# What caches keep of protected pages: httpd's own (mod_cache, before authentication and behind it),
# and nginx in front, which asks for no Authorization header.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Digest::SHA 'sha1';
use MIME::Base64 'encode_base64';
use NegTest;
use NegTest::Httpd qw(apxs httpd_user);
use NegTest::Ports 'free_port';
use NegTest::Process;

use constant { ALICE => 'alice@EXAMPLE.TEST', BOB => 'bob@EXAMPLE.TEST', TOKEN_ALONE => 'private="WWW-Authenticate"' };

my $modules = apxs('LIBEXECDIR');
plan skip_all => 'mod_cache and mod_cache_disk are not installed' if grep { !-e "$modules/mod_$_.so" } qw(cache cache_disk);

# mod_cache looks before authentication (quick: its default), or behind it.
my %port = map { $_ => free_port() } qw(quick behind);

# What of an answer speaks to caches => its lines.
my %way = (
    always  => 'Header always set Cache-Control "public, max-age=600"',
    success => 'Header set Cache-Control "public, max-age=600"',
    says    => 'SetEnv SAYS "max-age=600, s-maxage=600, PUBLIC"',
    shared  => 'SetEnv SAYS "s-maxage=600"',
    stored  => qq{CacheStorePrivate On\nSetEnv SAYS "max-age=600"},
    nostore => qq{CacheStorePrivate On\nCacheStoreNoStore On\nSetEnv SAYS "no-store, max-age=600"},
    quiet   => '',
    accel   => 'Header always set X-Accel-Expires 600',
    certain => join("\n", 'Header set CDN-Cache-Control "max-age=600"', 'Header set Example-cache-control "max-age=600"',
        'Header always set Surrogate-Control "max-age=600"', 'Header always set Edge-Control "max-age=600"'),
    both    => qq{Header always set Cache-Control "public, max-age=600"\nHeader set X-Accel-Expires 600\nHeader set CDN-Cache-Control "max-age=600"},
);

my $server = server(conf => configuration());
mkdir $server->dir . '/cache';
chmod 0777, $server->dir . '/cache';
write_file('page.pl', <<'CGI', 0755);
#!/usr/bin/env perl
print "Cache-Control: $ENV{SAYS}\r\n" if $ENV{SAYS};
print "Content-Type: text/plain\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\nUSER=$ENV{REMOTE_USER}\n";
CGI
write_file('users', 'anna:{SHA}' . encode_base64(sha1('secret')));
write_file('parts.shtml', join "\n", map { qq{<!--#include virtual="$_" -->} } '/plain/part/says/page.pl', '/plain/far/x');
write_file('far.txt', "far\n");
$server->start;

plan tests => 8 * 2 * keys(%way) + 103;

sub configuration {
    my $ways = join '', map { my $name = $_; map { qq{<LocationMatch "^/\\w+/\\w+/$name/">\n$_\n</LocationMatch>\n} } $way{$name} } sort keys %way;
    my $hosts = join '', map { my $quick = $_ eq 'quick' ? 'On' : 'Off'; <<"CONF" } sort keys %port;
Listen 127.0.0.1:$port{$_}
<VirtualHost 127.0.0.1:$port{$_}>
    ServerName localhost:$port{$_}
    CacheQuickHandler $quick
    CacheEnable disk /
    CacheRoot "\@dir\@/cache"
    CacheHeader On
</VirtualHost>
CONF
    return <<"CONF" . $ways . $hosts;
LoadModule cache_module "$modules/mod_cache.so"
LoadModule cache_disk_module "$modules/mod_cache_disk.so"
AuthNegotiateKeytab "\@keytab\@"
ScriptAliasMatch "^/\\w+/\\w+/\\w+/(page\\.pl)" "\@dir\@/\$1"
AliasMatch "^/\\w+/(parts\\.shtml)" "\@dir\@/\$1"
<Directory "\@dir\@">
    Require all granted
    Options +Includes
</Directory>
AddType text/html .shtml
Alias "/elsewhere/far/x" "\@dir\@/far.txt"
ProxyPass "/plain/far/" "http://127.0.0.1:\@port\@/elsewhere/far/"
<Location "/elsewhere/">
    Header set Cache-Control "public, max-age=600"
</Location>
AddOutputFilter INCLUDES .shtml
<LocationMatch "^/(plain|persist|session)/">
    AuthType Negotiate
    AuthName "caches"
    AuthNegotiateBasicProvider file
    AuthNegotiateRequireTLS Off
    AuthUserFile "\@dir\@/users"
    Require valid-user
</LocationMatch>
<LocationMatch "^/persist/">
    AuthNegotiatePersist On
</LocationMatch>
<LocationMatch "^/session/">
    AuthNegotiateSession On
    AuthNegotiateRequireTLS Off
</LocationMatch>
<LocationMatch "^/\\w+/unset/">
    RequestHeader unset Authorization
</LocationMatch>
<LocationMatch "^/\\w+/placed/">
    SetOutputFilter CACHE
</LocationMatch>
CONF
}

sub write_file {
    my ($name, $text, $mode) = @_;
    my $file = $server->dir . "/$name";
    open my $out, '>', $file or die "$file: $!\n";
    print $out $text;
    close $out;
    chmod $mode || 0644, $file;
    return;
}

sub connection { my ($host) = @_; return http(port => $port{$host}) }
sub user { my ($r) = @_; return $r->body =~ /^USER=(.*)$/m ? $1 : $r->status }
sub for_certain { my ($r) = @_; return join ' ', sort grep { /-cache-control$|^(?:x-accel-expires|surrogate-control|edge-control)$/i } map { $_->[0] } $r->header_lines }
sub said { my ($r) = @_; return join ' + ', $r->header('Cache-Control') }

# What lies in the cache.
sub stored {
    my ($pattern) = @_;
    my $found = run([ 'grep', '-rlaE', $pattern, $server->dir . '/cache' ])->{output};
    return scalar(my @files = split /\n/, $found);
}

# By a token, and then by what the connection or a cookie keeps.
sub known {
    my ($who, $kind, $host) = @_;
    my $http = connection($host);
    my $r    = $http->get("/$kind/login/quiet/page.pl", Authorization => initiator($who)->authorization);
    my ($cookie) = map { /^([^;]+)/ } $r->header('Set-Cookie');
    return sub { my ($path) = @_; return $http->get($path, $cookie ? (Cookie => $cookie) : ()) };
}

# --- without an Authorization header ---------------------------------------------------

for my $kind (qw(persist session)) {
    my %of = map { my $host = $_; $host => { map { $_ => known($_, $kind, $host) } qw(alice bob) } } sort keys %port;
    for my $name (sort keys %way) {
        for my $host (sort keys %port) {
            my $path = "/$kind/a/$name/page.pl";
            my $r    = $of{$host}{alice}->($path);
            is user($r), ALICE, "$kind, $name, mod_cache $host: alice";
            my $said = said($r);
            ok $said =~ /\b(?:private|no-store)\b/ && $said !~ /public|s-maxage|\+/i, '... is told that it is hers' or diag $said;
            is for_certain($r), '', '... and no cache is told otherwise';
            my $next = $of{$host}{bob}->($path);
            is_deeply [ connection($host)->get($path)->status, user($next) ], [ 401, BOB ],
              '... a stranger does not get it, and bob gets his own';
        }
    }
}
is stored('USER=alice'), 0, 'nothing of it lies in the cache';

# A part of a page would be stored as a page of its own.
for my $kind (qw(persist session)) {
    for my $host (sort keys %port) {
        my $r = known('alice', $kind, $host)->("/$kind/parts.shtml");
        is $r->status, 200, "$kind, $host: a page with a part that says public";
        is user($r), ALICE, '... which is for alice' or diag $r->body;
        like said($r), qr/^private$/, '... is told to be hers';
        like $r->body, qr/^far$/m, '... with a part from elsewhere';
        is connection($host)->get($_)->status, 401, '... a stranger does not get a part' for '/plain/part/says/page.pl', '/plain/far/x';
        my $next = known('bob', $kind, $host)->("/$kind/parts.shtml");
        is user($next), BOB, '... and bob gets his own';
    }
}

# --- with a token ------------------------------------------------------------------------

for my $name (qw(always success says shared both)) {
    my $path = "/plain/a/$name/page.pl";
    my ($first, $second) = (initiator('alice'), initiator('bob'));
    my $r = connection('behind')->get($path, Authorization => $first->authorization);
    ok $first->finish($r) && $first->mutual, "$name: a page for all who are let in, and a final token";
    like said($r), qr/^[^+]*(?:public|s-maxage)[^+]*, \Q${\TOKEN_ALONE}\E$/i, '... which is for one';
    is for_certain($r), '', '... of which no cache is told otherwise';
    $r = connection('behind')->get($path, Authorization => $second->authorization);
    like $r->header('X-Cache'), qr/^HIT/, '... the page comes from the cache';
    is scalar(my @lines = $r->challenges), 1, '... with one token';
    ok $second->finish($r) && $second->mutual, '... bob\'s';
    is connection('behind')->get($path)->status, 401, '... not to a stranger';
}
my $before = stored('USER=alice');
for my $case ([ '/plain/a/quiet', 'private' ], [ '/plain/unset/quiet', 'private' ], [ '/plain/unset/stored', 'max-age=600, private' ], [ '/plain/unset/nostore', 'no-store, max-age=600' ]) {
    my ($path, $wanted) = @$case;
    my $r = connection('behind')->get("$path/page.pl", Authorization => initiator('alice')->authorization);
    is_deeply [ user($r), said($r) ], [ ALICE, $wanted ], "$path: where nobody says public, it is hers";
}
is stored('USER=alice'), $before, '... and not stored';
my $r = connection('behind')->get('/plain/placed/says/page.pl', Authorization => initiator('alice')->authorization);
is user($r), ALICE, 'CACHE as an output filter of its own';
cmp_ok stored('USER=alice'), '>', $before, '... stores the page';
is stored('^WWW-Authenticate: Negotiate|Negotiate oY'), 0, 'no final token lies in the cache';
cmp_ok stored('USER='), '>', 4, '... in which there are pages';
{
    # mod_cache would store what the request had, too.
    my $password = encode_base64('anna:secret', '');
    $r = connection('behind')->get('/plain/b/says/page.pl', Authorization => "Basic $password");
    is user($r), 'anna', 'a page for all, and a password';
    is stored($password), 0, '... which does not lie in the cache';
}

# --- nginx in front --------------------------------------------------------------------

SKIP: {
    skip 'nginx is missing', 27 if !run([ 'nginx', '-v' ])->{ok};
    my $nginx = nginx();
    my $front = sub { return http(port => $nginx->{port})->get(@_) };
    my $login = sub { my ($path) = @_; return $front->($path, Authorization => initiator('alice')->authorization) };
    for my $name (qw(quiet says always accel certain both)) {
        my $path = "/plain/c/$name/page.pl";
        is user($login->($path)), ALICE, "nginx, $name: alice";
        is $front->($path)->status, 401, '... a stranger does not get it';
    }
    # A cache that keeps whatever it is not told to leave would keep alice out.
    for my $name (qw(quiet accel certain both)) {
        my $path = "/plain/d/$name/page.pl";
        my $r    = $front->($path);
        is $r->status, 401, "nginx, $name: a stranger comes first";
        is for_certain($r), '', '... whose challenge no cache is told to keep';
        is user($login->($path)), ALICE, '... and alice is not given his';
    }
    my ($cookie) = $login->('/session/c/quiet/page.pl')->header('Set-Cookie') =~ /^([^;]+)/;
    is user($front->('/session/c/always/page.pl', Cookie => $cookie)), ALICE, '... a session';
    is $front->('/session/c/always/page.pl')->status, 401, '... a stranger does not get it';
    is_deeply [ map { $front->('/open/c/always/page.pl')->header('X-Nginx') } 1, 2 ], [qw(MISS HIT)], '... what is open is cached';
}

sub nginx {
    my $dir = $server->dir . '/nginx';
    my $at  = free_port();
    my $user = httpd_user();
    mkdir $dir;
    write_file('nginx/nginx.conf', <<"CONF");
daemon off;
pid $dir/pid;
error_log $dir/log;
@{[ $user ? "user $user;" : '' ]}
events { worker_connections 64; }
http {
    access_log off;
    proxy_temp_path $dir/temp;
    client_body_temp_path $dir/body;
    fastcgi_temp_path $dir/fastcgi;
    uwsgi_temp_path $dir/uwsgi;
    scgi_temp_path $dir/scgi;
    proxy_cache_path $dir/cache keys_zone=pages:1m;
    server {
        listen 127.0.0.1:$at;
        large_client_header_buffers 4 32k;
        location / {
            proxy_pass http://127.0.0.1:@{[ $server->port ]};
            proxy_set_header Host localhost:@{[ $server->port ]};
            proxy_cache pages;
            proxy_cache_valid any 10m;
            add_header X-Nginx \$upstream_cache_status always;
        }
    }
}
CONF
    my $process = NegTest::Process->start([ 'nginx', '-e', "$dir/log", '-p', $dir, '-c', "$dir/nginx.conf" ], output => "$dir/output");
    wait_until(sub { !$process->alive || eval { http(port => $at); 1 } }, 10) && $process->alive
      or die 'nginx did not start: ', $process->output;
    return { process => $process, port => $at };
}

is_deeply [ $server->log->crashes ], [], 'nobody died';
