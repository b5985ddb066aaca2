# What a session's cookie is good for, and for whom: ports, TLS, Domain, passwords in the clear, two
# persons' cookies in one request, and a look ahead of mod_rewrite's.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use MIME::Base64 'encode_base64';
use NegTest;
use NegTest::Httpd 'mpm';
use NegTest::Ports 'free_port';

plan skip_all => 'it is the same with every MPM' if mpm() eq 'prefork';
plan skip_all => 'this httpd has no mod_socache_shmcb' if !-e NegTest::Httpd::apxs('LIBEXECDIR') . '/mod_socache_shmcb.so';

my ($ALICE, $BOB, $TYPED) = map { "$_\@EXAMPLE.TEST" } qw(alice bob places);
kdc()->add_principal('places', password => 'typed 1');

sub locations {
    my ($more) = @_;
    return <<"CONF" . ($more || '');
    ScriptAliasMatch "^/[^/]+/env\\.pl" "\@stage\@/cgi-bin/env.pl"
    AuthNegotiateKeytab "\@keytab\@"
    LogLevel warn auth_negotiate:debug
    <Location "/">
        AuthType Negotiate
        AuthName "one"
        AuthNegotiateSession On
        AuthNegotiateSessionCookie chosen
        Require valid-user
    </Location>
    <Location "/logout">
        SetHandler negotiate-logout
        Require all granted
    </Location>
CONF
}

my $server;
sub get_at { my ($port, $path, @headers) = @_; return http(port => $port)->get($path, @headers) }
sub get    { return get_at($server->port, @_) }
sub env_of { return "/$_[0]/env.pl" }
sub token  { my ($who, %opt) = @_; return (Authorization => initiator($who, %opt)->authorization) }
sub typed  { my ($password) = @_; return (Authorization => 'Basic ' . encode_base64("places:$password", '')) }
sub pair_of { my ($r) = @_; return (($r->header('Set-Cookie'))[0] || '') =~ /^([^;]*)/ ? $1 : '' }
sub user { my ($r) = @_; return $r->status == 200 ? $r->env->{REMOTE_USER} || '(none)' : $r->status }
sub login { my ($name, @headers) = @_; return pair_of(get(env_of($name), @headers)) }

subtest 'hosts that differ by port alone' => sub {
    my @port = map { free_port() } 1 .. 3;
    $server = server(conf => locations() . <<"CONF")->start;
    @{[ map { "Listen 127.0.0.1:$_\n" } @port ]}
    <VirtualHost 127.0.0.1:$port[0]>
        ServerName www.example.test
    </VirtualHost>
    <VirtualHost *:$port[1]>
        ServerName www.example.test
    </VirtualHost>
    <VirtualHost _default_:$port[2]>
        ServerName www.example.test:$port[0]
    </VirtualHost>
CONF
    my @host   = (Host => 'www.example.test');
    my $cookie = pair_of(get_at($port[0], env_of('a'), @host, token('alice')));
    is user(get_at($port[0], env_of('a'), @host, Cookie => $cookie)), $ALICE, 'a session of one';
    is user(get_at($port[1], env_of('a'), @host, Cookie => $cookie)), 401, '... is none of the other';
    is user(get_at($port[1], env_of('a'), Host => "www.example.test:$port[0]", Cookie => $cookie)), 401,
      '... whatever port the client names';
    is user(get_at($port[0], env_of('a'), Host => "www.example.test:$port[1]", Cookie => $cookie)), $ALICE,
      '... nor does that take it away';
    is user(get_at($port[2], env_of('a'), @host, Cookie => $cookie)), $ALICE, 'a port that ServerName has is the one that counts';
    $server->stop;
};

subtest 'TLS' => sub {
    my $port = free_port();
    my $name = 'https://localhost:443';    # TLS ends before the first of them
    $server = server(conf => locations() . <<"CONF")->start;
    Listen 127.0.0.1:$port
    <VirtualHost 127.0.0.1:\@port\@>
        ServerName $name
    </VirtualHost>
    <VirtualHost 127.0.0.1:$port>
        ServerName $name
        SSLEngine on
        SSLCertificateFile "\@stage\@/tls/server.crt"
        SSLCertificateKeyFile "\@stage\@/tls/server.key"
        <Location "/strict">
            AuthNegotiateRequireTLS On
        </Location>
    </VirtualHost>
CONF
    my $cookie = login('a', token('alice'));
    my $tls = sub { http(port => $port, tls => 1, ca_file => stage_dir() . '/tls/ca.crt')->get(@_) };
    is user($tls->(env_of('a'), Cookie => $cookie)), $ALICE, 'a session that began without TLS is good over TLS';
    is user($tls->(env_of('strict'), Cookie => $cookie)), 401, '... not where AuthNegotiateRequireTLS is On';
    $cookie = pair_of($tls->(env_of('strict'), token('alice')));
    is user($tls->(env_of('strict'), Cookie => $cookie)), $ALICE, '... where one is that began over TLS';
    $server->stop;
};

$server = server(conf => locations(<<'CONF'))->start;
    AuthNegotiateSessionStore shmcb
    <Location "/domain">
        AuthNegotiateSessionCookie chosen Domain=example.test
    </Location>
    <Location "/typed">
        AuthNegotiateBasicProvider kerberos
        AuthNegotiateRequireTLS Off
    </Location>
    <Location "/password">
        AuthNegotiateBasicProvider kerberos
    </Location>
    <Location "/ahead">
        AuthNegotiateBasicProvider kerberos
        AuthNegotiateRequireTLS Off
        AuthNegotiatePersist On
    </Location>
    <Location "/ahead/denied">
        Require user nobody
    </Location>
    AliasMatch "^/ahead/denied/(plain\.txt)" "@stage@/htdocs/$1"
    RewriteEngine On
    RewriteCond %{LA-U:REMOTE_USER} (.*)
    RewriteRule "^/ahead/" "-" [E=AHEAD:%1]
CONF

subtest 'a cookie that sister hosts have' => sub {
    my $cookie = login('domain', token('alice'));
    is user(get(env_of('domain'), Cookie => $cookie)), $ALICE, 'is good where it has a Domain';
    is user(get(env_of('a'), Cookie => $cookie)), 401, '... not where it has none';
};

subtest 'a password in the clear' => sub {
    my $cookie = login('typed', typed('typed 1'));
    is user(get(env_of('typed'), Cookie => $cookie)), $TYPED, 'begins a session where it is allowed';
    is user(get(env_of('password'), Cookie => $cookie)), 401, '... which does not enter where nothing is said of TLS';
};

subtest 'a new login' => sub {
    my $alice = login('a', token('alice'));
    is user(get(env_of('a'), Cookie => $alice)), $ALICE, "alice's session";
    my $r = get(env_of('a'), Cookie => $alice, token('bob'));
    is user($r), $BOB, '... and bob logs in at her browser';
    is user(get(env_of('a'), Cookie => $alice)), 401, '... which ends it';
    is user(get(env_of('a'), Cookie => pair_of($r))), $BOB, '... and begins his';
};

subtest 'sessions of two persons in one request' => sub {
    my ($alice, $mallory) = map { login('a', token($_)) } qw(alice bob);
    my $again = login('a', token('alice'));
    is user(get(env_of('a'), Cookie => "$again; $alice")), $ALICE, 'two of one person are good';
    $server->log->mark;
    for my $both ("$mallory; $alice", "$alice; $mallory", "$alice; $again; $mallory") {
        my $r = get(env_of('a'), Cookie => $both);
        is user($r), 401, 'one was planted: neither counts';
        is_deeply [ $r->challenges ], ['Negotiate'], '... and a ticket is asked for';
    }
    my @told = $server->log->wait_for(qr/warn.*goes on \(two-sessions\)/);
    like $told[0], qr/\Q$ALICE\E.*\Q$BOB\E|\Q$BOB\E.*\Q$ALICE\E/, '... the log has both names';
    like $told[0], qr/cookies? chosen .*__Host-/, '... and the remedy';
    my $r = get(env_of('a'), Cookie => "$mallory; $alice", token('alice'));
    is user($r), $ALICE, 'the ticket decides';
    is user(get(env_of('a'), Cookie => "$mallory; $alice")), $ALICE, "... and the planted session is over";
    $mallory = login('a', token('bob'));
    is get('/logout/', Cookie => "$mallory; $alice")->body, "You are logged out.\n", 'logout';
    is user(get(env_of('a'), Cookie => $_)), 401, '... ends both' for $mallory, $alice;
};

subtest 'a look ahead' => sub {
    my $r = get(env_of('ahead'), token('alice'));
    is user($r), $ALICE, 'mod_rewrite asks who the user is (LA-U)';
    is $r->env->{AHEAD}, $ALICE, '... and is told';
    is $r->env->{NEGOTIATE_SOURCE}, 'header', '... she is known by her token';
    is_deeply [ $r->header('Persistent-Auth') ], ['true'], '... for the connection, too';
    is scalar(() = $r->header('Set-Cookie')), 1, '... and a session begins';
    is user(get(env_of('a'), Cookie => pair_of($r))), $ALICE, '... which is good';
    $r = get('/ahead/denied/plain.txt', token('alice'));
    is_deeply [ user($r), $r->header('Set-Cookie') ], [403], 'who may not enter gets none';
    my %asked;
    for my $name (qw(typed ahead)) {
        my $before = questions();
        $server->log->mark;
        is user(get(env_of($name), typed('wrong'))), 401, "a wrong password at /$name";
        $server->log->wait_for(qr/authentication failure/);
        is scalar(() = $server->log->text =~ /authentication failure for/g), 1, '... is told once';
        $asked{$name} = questions() - $before;
    }
    is $asked{ahead}, $asked{typed}, '... and the KDC is asked no more than without the look ahead';
    $server->log->mark;
    is user(get(env_of('ahead'), Authorization => 'Negotiate YQ==')), 401, 'a token that cannot be read';
    $server->log->wait_for(qr/Negotiate refused/);
    is scalar(() = $server->log->text =~ /Negotiate refused/g), 1, '... is told once';
};

# What the KDC was asked about this user.
sub questions { return scalar(() = kdc()->log_text =~ /AS_REQ .*: places\@/g) }

is_deeply [ $server->log->crashes ], [], 'nobody died';
$server->stop;
done_testing;
