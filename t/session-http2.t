# Sessions over TLS and HTTP/2: streams in parallel, each with its own cookie, and the cookie's
# __Host- prefix.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use NegTest;
use NegTest::H2;
use NegTest::Httpd 'mpm';
use NegTest::Ports 'free_port';

use constant STREAMS => 40;

plan skip_all => 'mod_http2 wants another MPM than prefork' if mpm() eq 'prefork';
plan skip_all => 'Protocol::HTTP2 is missing (Debian: libprotocol-http2-perl)' if !NegTest::H2::is_available();
plan tests => 13;

my $tls_port = free_port();
my $ca_file  = stage_dir() . '/tls/ca.crt';
my $server   = server(conf => <<"CONF")->start;
    Listen 127.0.0.1:$tls_port
    ScriptAliasMatch "^/[^/]+/env\\.pl" "\@stage\@/cgi-bin/env.pl"
    AuthNegotiateKeytab "\@keytab\@"
    LogLevel warn auth_negotiate:info
    <Location "/">
        AuthType Negotiate
        AuthName "one"
        AuthNegotiateSession On
        Require valid-user
    </Location>
    <Location "/tls-only">
        AuthNegotiateRequireTLS On
    </Location>
    <Location "/path">
        AuthName "path"
        AuthNegotiateSessionCookie default Path=/path
    </Location>
@{[ NegTest::H2::host($tls_port) ]}
CONF

sub h2    { return NegTest::H2->new(port => $tls_port, tls => 1, ca_file => $ca_file) }
sub token { return (Authorization => initiator($_[0])->authorization) }
sub user  { my ($r) = @_; return $r->status == 200 ? $r->env->{REMOTE_USER} : $r->status }

my %cookie;
for my $who (qw(alice bob)) {
    my $r = h2()->get('/tls-only/env.pl', token($who));
    my ($set) = $r->header('Set-Cookie');
    like $set, qr{^__Host-negotiate_[0-9a-f]{8}=[^;]+; Path=/; HttpOnly; SameSite=Lax; Secure$}, "$who: a cookie for TLS";
    ($cookie{$who}) = $set =~ /^([^;]*)/;
}
like +(h2()->get('/path/env.pl', token('alice'))->header('Set-Cookie'))[0],
  qr{^negotiate_[^;]+; Path=/path; HttpOnly; SameSite=Lax; Secure$}, 'with a path: no __Host-';

my $h2  = h2();
my @who = map { qw(alice bob nobody)[ $_ % 3 ] } 1 .. STREAMS;
my @r   = $h2->streams(map { [ '/tls-only/env.pl', $cookie{$_} ? (Cookie => $cookie{$_}) : () ] } @who);
is_deeply [ map { user($_) } @r ], [ map { $_ eq 'nobody' ? 401 : "$_\@EXAMPLE.TEST" } @who ],
  STREAMS . ' streams of a connection: each has the user of its cookie';
is_deeply [ map { $_->header('Set-Cookie') } @r ], [], '... and no new one';
is_deeply [ grep { ($_->header('Cache-Control') || '') ne 'private' } grep { $_->status == 200 } @r ], [], '... private';
my @both = $h2->streams([ '/tls-only/env.pl', Cookie => $cookie{alice}, token('bob') ],
    [ '/tls-only/env.pl', Cookie => $cookie{alice} ]);
is_deeply [ map { user($_) } @both ], [ 'bob@EXAMPLE.TEST', 'alice@EXAMPLE.TEST' ], 'a token wins over a cookie, on its stream';
is user($h2->get('/tls-only/env.pl')), 401, 'the connection keeps nobody';
is user($h2->get('/tls-only/env.pl', Cookie => 'a=1', Cookie => $cookie{alice})), 'alice@EXAMPLE.TEST', 'a cookie in a field of its own';
is $h2->get('/tls-only/env.pl', Cookie => 'a=1', Cookie => $cookie{alice})->env->{HTTP_COOKIE}, 'a=1', '... which applications do not see';
is user($h2->get('/tls-only/env.pl', Via => '1.1 proxy', Cookie => $cookie{alice})), 'alice@EXAMPLE.TEST', 'behind a proxy, too';

my $clear = http(port => $server->port);
is $clear->get('/a/env.pl', Cookie => $cookie{alice})->status, 401, 'a cookie of TLS is not good without';
is_deeply [ $server->log->crashes ], [], 'nobody died';
$server->stop;
