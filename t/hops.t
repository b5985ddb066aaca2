# AuthNegotiateProxyService by all ways there are to and from a server: backends by https and HTTP/2,
# members of a balancer, clients by HTTP/2, kept connections, sessions, uploads. Then all of them at once,
# with many users: nobody is anybody else behind.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use NegTest;
use NegTest::H2;
use NegTest::Httpd 'mpm';
use NegTest::Listener;
use NegTest::Ports 'free_port';
use NegTest::Stage;

my $has_h2  = mpm() ne 'prefork';    # which mod_http2 wants
my $service = 'HTTP@hop.example.test';
my @users   = map { "hopper$_" } 0 .. 7;
kdc->add_principal($_, password => $_) for @users, 'intruder';
kdc->add_principal('HTTP/hop.example.test');
kdc->add_to_keytab(keytab('hop'), ['HTTP/hop.example.test']);
NegTest::Stage->give_to_httpd(keytab('hop'), 0600);
my $intruder = stage_dir() . '/intruder.ccache';
kdc->kinit('intruder', ccache => "FILE:$intruder");
NegTest::Stage->give_to_httpd($intruder, 0600);

# Whoever connects here leaves a line, whatever he says.
my $visits   = stage_dir() . '/visits';
my $listener = NegTest::Listener->start(sub { open my $out, '>>', $visits or die; print $out "visit\n" });
my $tls_port = free_port();
my $back     = server(conf => <<"CONF")->start;
Listen 127.0.0.1:$tls_port
Protocols h2c http/1.1
H2EarlyHints On
LogFormat "%{remote}p %k %{H2_STREAM_ID}e %>s" visits
CustomLog "\@dir\@/visits_log" visits
ScriptAliasMatch "/(env|count)\\.pl" "\@stage\@/cgi-bin/\$1.pl"
AliasMatch "/plain\\.txt\$" "\@documentroot\@/plain.txt"
<LocationMatch "^/(here|kept)/">
    AuthType Negotiate
    AuthName back
    AuthNegotiateKeytab "@{[ keytab('hop') ]}"
    AuthNegotiateAcceptor $service
    Require valid-user
    Header set X-User "expr=%{REMOTE_USER}"
</LocationMatch>
<Location "/kept/">
    AuthNegotiatePersist On
</Location>
<Location "/open/">
    Header always set X-Open SECRET
    H2EarlyHint Link "</SECRET>"
</Location>
@{[ NegTest::H2::host($tls_port) ]}
CONF
my $port = $back->port;

my $front = server(conf => <<"CONF", env => { KRB5CCNAME => "FILE:$intruder" });
Protocols h2c http/1.1
SSLProxyEngine On
SSLProxyCACertificateFile "\@stage\@/tls/ca.crt"
AuthNegotiateKeytab "\@keytab\@"
AuthNegotiateSessionStore shmcb
AuthNegotiateProxyService $service
<Location "/hop">
    AuthType Negotiate
    AuthName front
    Require valid-user
</Location>
<Location "/hop/kept">
    AuthNegotiatePersist On
</Location>
<Location "/hop/session">
    AuthNegotiateSession On
    AuthNegotiateDelegate "FILE:\@stage\@/delegated"
</Location>
<Location "/hop/optional">
    AuthNegotiateProxyService $service optional
</Location>
<Location "/hop/unknown">
    AuthNegotiateProxyService HTTP\@unknown.example.test
</Location>
<Proxy "balancer://h2">
    BalancerMember "h2c://localhost:$port" disablereuse=on
</Proxy>
<Proxy "balancer://ajp">
    BalancerMember "ajp://localhost:${\$listener->port}"
</Proxy>
<Proxy "balancer://failing">
    BalancerMember "http://localhost:@{[ free_port() ]}" lbset=0
    BalancerMember "http://localhost:$port" lbset=1
</Proxy>
ProxyPass "/hop/https/" "https://localhost:$tls_port/here/"
ProxyPass "/hop/h2c/" "h2c://localhost:$port/kept/" disablereuse=on
ProxyPass "/hop/h2/" "h2://localhost:$tls_port/here/" disablereuse=on
ProxyPass "/hop/h2-open/" "h2c://localhost:$port/open/" disablereuse=on
ProxyPass "/hop/h2-shared/" "h2c://127.0.0.1:$port/here/"
ProxyPass "/hop/h2-balanced/" "balancer://h2/here/"
ProxyPass "/hop/ajp-balanced/" "balancer://ajp/here/"
ProxyPass "/hop/failing/" "balancer://failing/here/"
ProxyPass "/hop/" "http://localhost:$port/kept/"
CONF

# As Debian does it, in the order of the alphabet: mod_proxy comes after this module.
move_to_top($front->dir . '/httpd.conf', qr/^ *LoadModule auth_negotiate_module .*\n/m);
$front->start;

plan tests => $has_h2 ? 76 : 57;

sub move_to_top {
    my ($file, $line) = @_;
    open my $in, '<', $file or die "$file: $!\n";
    my $text = do { local $/; <$in> };
    $text =~ s/($line)// or die "$file: no such line\n";
    open my $out, '>', $file or die "$file: $!\n";
    print $out $1, $text;
    return;
}

sub front { return http(port => $front->port) }
sub token { my ($user, %opt) = @_; return (Authorization => initiator($user, delegate => 1, %opt)->authorization) }
sub user  { my ($r) = @_; return $r->header('X-User') || $r->status }

# --- backends ----------------------------------------------------------------------------

for my $name ('https', $has_h2 ? qw(h2c h2 h2-balanced) : (), 'failing') {
    my $gss = initiator('alice', delegate => 1);
    my $r   = front()->get("/hop/$name/env.pl", Authorization => $gss->authorization);
    is $r->status, 200, "$name: 200" or diag $r->body;
    is $r->env->{REMOTE_USER}, 'alice@EXAMPLE.TEST', '... the backend knows alice';
    is scalar(my @all = $r->challenges), 1, '... one final token';
    ok $gss->finish($r) && $gss->mutual, '... which is the front\'s';
    is user(front()->get("/hop/$name/plain.txt", token('bob'))), 'bob@EXAMPLE.TEST', '... then bob';
    is front()->get("/hop/$name/env.pl", token('alice', delegate => 0))->status, 403, '... and nobody without a ticket';
}
SKIP: {
    skip 'there is no HTTP/2 with prefork', 12 if !$has_h2;
    my $gss = initiator('alice', delegate => 1);
    my $r = front()->get('/hop/h2-open/plain.txt', Authorization => $gss->authorization);
    is $r->status, 502, 'a backend by HTTP/2 that does not prove itself: 502';
    unlike $r->head . $r->body, qr/SECRET/, '... nothing of its answer comes through';
    ok $gss->finish($r) && $gss->mutual, '... the final token is the front\'s';
    is(NegTest::H2->new(port => $front->port)->get('/hop/h2-open/plain.txt', token('alice'))->status, 502, '... also for a client by HTTP/2');

    my $log = $front->log->mark;
    $r = front()->get('/hop/h2-shared/env.pl', token('alice'));
    is $r->status, 500, 'connections by HTTP/2 that are kept for other users: 500';
    ok $log->wait_for(qr/used for more users than one.*disablereuse=on/), '... the log says what to write';
    is user(front()->get("/hop/$_/plain.txt", token($users[0]))), "$users[0]\@EXAMPLE.TEST", "$_ once more" for ('h2c') x 6;
}
{
    my $log = $front->log->mark;
    is front()->get('/hop/ajp-balanced/env.pl', token('alice'))->status, 500, 'a member of a balancer by AJP: 500';
    ok $log->wait_for(qr/works with backends by http, https, h2 and h2c, not with "ajp:/), '... the log says so';
    is front()->get('/hop/ajp-balanced/env.pl', token('alice', delegate => 0))->status, 403, '... and without a ticket';
    ok !-e $visits, '... and nobody has come there';
    is front()->get('/hop/plain.txt', token('alice'), Connection => 'Authorization')->status, 502,
      'a client that lets the token be taken off gets nothing';
}

# --- clients --------------------------------------------------------------------------------

SKIP: {
    skip 'there is no HTTP/2 with prefork', 2 if !$has_h2 || !NegTest::H2::is_available();
    my @who = map { $_ % 4 == 3 ? 'nobody' : $users[ $_ % @users ] } 0 .. 39;
    my $i = 0;
    my @r = NegTest::H2->new(port => $front->port)
      ->streams(map { my $user = $_; [ (qw(/hop /hop/h2c /hop/https /hop/optional))[ $i++ % 4 ] . '/plain.txt', token($user eq 'nobody' ? 'bob' : $user, delegate => $user ne 'nobody') ] } @who);
    is_deeply [ map { user($_) } @r ], [ map { $_ eq 'nobody' ? 401 : "$_\@EXAMPLE.TEST" } @who ], '40 streams of a connection, each in the name of its token';
    is_deeply [ grep { $_->header('Persistent-Auth') } @r ], [], '... and none kept';
}
{
    my $http = front();
    is user($http->get('/hop/kept/plain.txt', token('alice'))), 'alice@EXAMPLE.TEST', 'a connection that is kept: alice';
    my $r = $http->get('/hop/kept/plain.txt');
    is user($r), 'alice@EXAMPLE.TEST', '... also without a token';
    like $r->header('Cache-Control'), qr/private/, '... for no cache';
    is user($http->get('/hop/kept/plain.txt', token('bob'))), 'bob@EXAMPLE.TEST', '... then bob, by his token';
    is user($http->get('/hop/kept/plain.txt')), 401, '... and nobody without';
    is user($http->get('/hop/kept/plain.txt', token('alice', delegate => 0))), 403, '... then alice, who delegates nothing: not as bob';
    is user($http->get('/hop/kept/plain.txt')), 401, '... nor with the next request';
    $http = front();
    is user($http->get('/hop/kept/plain.txt', token('alice'))), 'alice@EXAMPLE.TEST', 'another connection of alice';
    is user($http->get('/hop/kept/plain.txt', token('alice', delegate => 0))), 403, '... where she then delegates nothing: not as before';
    is user($http->get('/hop/kept/plain.txt')), 403, '... nor with the next request';
}
my %cookie;
for my $user ('alice', 'bob') {
    my $r = front()->get('/hop/session/plain.txt', token($user));
    is user($r), "$user\@EXAMPLE.TEST", "a session of $user\'s";
    ($cookie{$user}) = $r->header('Set-Cookie') =~ /^([^;]+)/;
    is user(front()->get('/hop/session/plain.txt', Cookie => $cookie{$user})), "$user\@EXAMPLE.TEST", '... goes on in the same name';
}
is user(front()->get('/hop/session/plain.txt', Cookie => $cookie{alice}, token('bob'))), 'bob@EXAMPLE.TEST', 'a token wins over a cookie';

# --- bodies -------------------------------------------------------------------------------------

{
    my $body = 'x' x 1_000_000;
    for my $name ('', 'https/', $has_h2 ? 'h2c/' : ()) {
        my $r = front()->post("/hop/${name}count.pl", $body, token('alice'));
        is $r->body, "BYTES=1000000\nAUTHORIZATION=\nREMOTE_USER=alice\@EXAMPLE.TEST\n", "1 MB ($name)";
    }
    my $http = front();
    is $http->post('/hop/unknown/count.pl', $body, token('alice'))->status, 502, '... that nobody gets';
    is user($http->get('/hop/plain.txt', token('alice'))), 'alice@EXAMPLE.TEST', '... and the next request on the connection';
}

# --- many ---------------------------------------------------------------------------------------------

# Each process plays several users in turns, by all ways. Half of the requests
# bring no token: a kept connection or a session says whose they are.
sub play {
    my ($number) = @_;
    my (%seen, %session);
    my $look = sub {
        my ($r, $who, $how) = @_;
        my $got = user($r);
        $seen{ $got eq $who ? 'right' : "$how: $got instead of $who" }++;
    };
    for my $round (0 .. 11) {
        my $user = $users[ ($number + $round) % @users ];
        my $who  = "$user\@EXAMPLE.TEST";
        my $http = front();    # a second user would end what it keeps
        $look->($http->get('/hop/kept/plain.txt', token($user)), $who, 'kept, with a token');
        $look->($http->get('/hop/kept/plain.txt'), $who, 'kept') for 1 .. 12;
        $look->($http->get('/hop/optional/plain.txt', token($user, delegate => 0)), 401, 'nothing delegated');
        $look->($http->get(($has_h2 && $round % 2 ? '/hop/h2c' : '/hop/https') . '/plain.txt', token($user)), $who, 'by another way');
        my $r = $session{$user} ? undef : front()->get('/hop/session/plain.txt', token($user));
        ($session{$user}) = $r->header('Set-Cookie') =~ /^([^;]+)/ if $r;
        $look->($http->get('/hop/session/plain.txt', Cookie => $session{$user}), $who, 'session') for 1 .. 12;
    }
    return \%seen;
}
{
    my @seen = in_parallel(8, \&play);
    my %all;
    for my $seen (@seen) { $all{$_} += $seen->{$_} for keys %$seen }
    is_deeply \%all, { right => 8 * 12 * 27 }, 8 * 12 * 27 . ' requests of ' . @users . ' users: each is himself behind, or nobody';
}
# What was asked before on a connection was asked by nobody; by HTTP/2 each has one stream.
{
    open my $in, '<', $back->dir . '/visits_log' or die;
    my (%last, @again, %count);
    while (<$in>) {
        my ($from, $number, $stream, $status) = split;
        push @again, $_ if $stream eq '-' ? $number > 0 && ($last{$from} || 0) != 401 : $stream != 1;
        $last{$from} = $status;
        $count{ $stream eq '-' ? 'h1' : 'h2' }++;
    }
    is_deeply \@again, [], "no connection to the backend was used for a second request (@{[ %count ]})";
}
ok $front->restart(graceful => 1), 'after a graceful restart';
is user(front()->get('/hop/https/plain.txt', token('alice'))), 'alice@EXAMPLE.TEST', '... alice is alice';
is front()->get('/hop/ajp-balanced/env.pl', token('alice'))->status, 500, '... and what cannot be asked for a proof is sent nothing';
is_deeply [ map { $_->log->crashes } $front, $back ], [], 'nobody died';
unlike kdc->log_text, qr/ISSUE.*intruder\@EXAMPLE\.TEST for HTTP/, 'nobody was intruder';
