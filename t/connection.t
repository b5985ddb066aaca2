# AuthNegotiatePersist: what a connection keeps, for whom, how long - and what it
# never keeps.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use NegTest;
use Time::HiRes qw(sleep time);
use Time::Local 'timegm';

my $server = server(conf => <<'CONF');
    ScriptAliasMatch "^/[^/]+/env\.pl" "@stage@/cgi-bin/env.pl"
    AliasMatch "^/[^/]+/plain\.txt" "@stage@/htdocs/plain.txt"
    AuthNegotiateKeytab "@keytab@"

    <LocationMatch "^/(?!open)">
        AuthType Negotiate
        AuthNegotiatePersist On
        AuthName "one"
        Require valid-user
    </LocationMatch>
    <Location "/bob-only">
        Require user bob@EXAMPLE.TEST
    </Location>
    <Location "/other-name">
        AuthName "two"
    </Location>
    <Location "/off">
        AuthNegotiatePersist Off
    </Location>
    <Location "/other-keytab">
        AuthNegotiateKeytab "@dir@/copy.keytab"
    </Location>
    <Location "/other-acceptor">
        AuthNegotiateAcceptor any
    </Location>
    <Location "/by-host">
        AuthNegotiateAcceptor "HTTP@%{HTTP_HOST}"
    </Location>
    <Location "/tls-only">
        AuthNegotiateRequireTLS On
    </Location>
    <Location "/delegate">
        AuthNegotiateDelegate "FILE:@stage@/delegated"
    </Location>
    <Location "/local">
        AuthNegotiateUser local
    </Location>
    <Location "/no-name">
        AuthNegotiateUser "%{env:NOT_SET_ANYWHERE}"
    </Location>
    <Location "/no-acceptor">
        AuthNegotiateAcceptor "%{env:NOT_SET_ANYWHERE}"
    </Location>

    <VirtualHost 127.0.0.1:@port@>
        ServerName localhost:@port@
        ServerAlias alias.test
    </VirtualHost>
    <VirtualHost 127.0.0.1:@port@>
        ServerName other.test:@port@
    </VirtualHost>
    # Two hosts without a name of their own.
    <VirtualHost 127.0.0.1:@port@>
        ServerAlias nameless1.test
    </VirtualHost>
    <VirtualHost 127.0.0.1:@port@>
        ServerAlias nameless2.test
    </VirtualHost>
    # Knows of another client only by mod_remoteip, which takes the header away.
    <VirtualHost 127.0.0.1:@port@>
        ServerName proxied.test:@port@
        RemoteIPHeader X-Forwarded-For
        RemoteIPInternalProxy 127.0.0.1
    </VirtualHost>
CONF
NegTest::Process::run_ok([ 'cp', '-p', keytab(), $server->dir . '/copy.keytab' ]);
$server->start;

sub connection { return http(port => $server->port, @_) }
sub token      { my ($who, %opt) = @_; return (Authorization => initiator($who, %opt)->authorization) }
sub env_of     { my ($name) = @_; return "/$name/env.pl" }

# The user whom the page saw, or the status without a page.
sub user {
    my ($r) = @_;
    return 'nothing' if !$r;
    return $r->status if $r->status != 200;
    return $r->env->{REMOTE_USER} || '(none)';
}

sub logged_in {
    my ($who, $name, @headers) = @_;
    my $http = connection();
    my $r = $http->get(env_of($name || 'a'), token($who), @headers);
    user($r) eq "$who\@EXAMPLE.TEST" or diag "login of $who: ", user($r);
    return $http;
}

my ($ALICE, $BOB) = map { "$_\@EXAMPLE.TEST" } qw(alice bob);

# A ticket that ends while the rest is tested.
my $short = { ccache => ccache('alice', lifetime => '8s'), http => connection() };
$short->{first} = $short->{http}->get(env_of('a'), token('alice', ccache => $short->{ccache}));
$short->{end} = ticket_end($short->{ccache});

sub ticket_end {
    my ($ccache) = @_;
    my ($month, $day, $year, $h, $m, $s) = kdc()->klist('-c', $ccache) =~
      m{(\d\d)/(\d\d)/(\d\d) (\d\d):(\d\d):(\d\d)  HTTP/localhost@}
      or return 0;
    return timegm($s, $m, $h, $day, $month - 1, 2000 + $year);
}

subtest 'the identity stays' => sub {
    my $http  = connection();
    my $first = $http->get(env_of('a'), token('alice'));
    is user($first), $ALICE, 'alice';
    is $first->env->{NEGOTIATE_SOURCE}, 'header', '... by her token';
    is_deeply [ $first->header('Persistent-Auth') ], ['true'], '... and is told that it will last';
    is $first->header('Cache-Control'), 'private', '... and no cache may keep it';
    for my $name (qw(a b)) {
        my $r = $http->get(env_of($name));
        is user($r), $ALICE, "/$name without a token: alice";
        is $r->env->{NEGOTIATE_SOURCE}, 'connection', '... by the connection';
        is $r->env->{AUTH_TYPE}, 'Negotiate', '... AUTH_TYPE';
        is $r->env->{$_}, $first->env->{$_}, "... the same $_"
          for qw(GSS_NAME GSS_SESSION_EXPIRATION NEGOTIATE_MECH NEGOTIATE_REALM);
        is $r->header('Persistent-Auth'), undef, '... Persistent-Auth is not repeated';
        is_deeply [ $r->header('Cache-Control') ], ['private'], '... no cache may keep it';
        is_deeply [ $r->challenges ], [], '... no token';
    }
    is user($http->get(env_of('local'))), 'alice', 'each location names her by its own rule';
    is user(connection()->get(env_of('a'))), 401, 'another connection knows nothing';
};

subtest 'only where the policy permits' => sub {
    my %expect = (
        'other-name'     => 401,
        'off'            => 401,
        'other-keytab'   => 401,
        'other-acceptor' => 401,
        'delegate'       => 401,
        'tls-only'       => 403,
        'bob-only'       => 403,
        'no-name'        => 403,
        'open'           => '(none)',
    );
    my $http = logged_in('alice');
    for my $name (sort keys %expect) {
        is user($http->get(env_of($name))), $expect{$name}, "alice's connection at /$name";
    }
    is user($http->get(env_of('a'))), $ALICE, '... and it still is hers at /a';

    for my $name (qw(other-name other-keytab other-acceptor)) {
        my $other = logged_in('alice', $name);
        is user($other->get(env_of($name))), $ALICE, "/$name keeps alice for itself";
        is user($other->get(env_of('a'))), 401, '... and not for /a';
    }
    my $off = connection();
    my $r   = $off->get(env_of('off'), token('alice'));
    is user($r), $ALICE, 'Persist Off: alice';
    is $r->header('Persistent-Auth'), undef, '... no Persistent-Auth';
    is user($off->get(env_of($_))), 401, "... /$_ knows nothing" for qw(off a);
};

subtest 'a virtual host is a space of its own' => sub {
    my $http = logged_in('alice');
    is user($http->get(env_of('a'), Host => 'other.test')), 401, 'another host on the same connection';
    is user($http->get(env_of('a'), Host => 'alias.test')), $ALICE, 'another name of the same host';
    is user($http->get(env_of('a'))), $ALICE, 'the first host has not forgotten';
    is user($http->get(env_of('a'), Host => 'other.test', token('bob'))), $BOB, 'bob at the other host';
    is user($http->get(env_of('a'))), 401, '... replaces alice';

    $http = connection();
    is user($http->get(env_of('a'), Host => 'nameless1.test', token('alice'))), $ALICE, 'a host without a name';
    is user($http->get(env_of('a'), Host => 'nameless2.test')), 401, '... is not the same as another one';

    my $gss = initiator('alice', dce => 1);
    my $r   = $http->get(env_of('a'), Host => 'nameless1.test', Authorization => $gss->authorization);
    my @second = (Authorization => $gss->authorization($r->token));
    is user($http->get(env_of('a'), Host => 'nameless2.test', @second)), 401, '... nor for a second leg';
    is user($http->get(env_of('a'), Host => 'nameless1.test', @second)), 401, '... which has then come too late';
};

subtest 'an answer other than 200 does not poison the connection' => sub {
    my $http = connection();
    my $gss  = initiator('alice');
    my $r    = $http->get(env_of('bob-only'), Authorization => $gss->authorization);
    is $r->status, 403, 'alice is not bob';
    ok $gss->finish($r) && $gss->mutual, '... the 403 has the final token';
    is $r->header('Persistent-Auth'), 'true', '... and her identity is kept';
    is user($http->get(env_of('a'))), $ALICE, '... for /a';
    is $http->get('/a/nothing.html')->status, 404, 'a page that is not there';
    is user($http->get(env_of('a'))), $ALICE, '... still alice';
    is user($http->get(env_of('bob-only'))), 403, 'not at /bob-only';
    is user($http->get(env_of('bob-only'), token('bob'))), $BOB, 'bob comes';
    is user($http->get(env_of('a'))), 401, '... and is not kept: a second user on a connection';
};

subtest 'a header always starts afresh' => sub {
    my $http = logged_in('alice');
    is user($http->get(env_of('a'), token('bob'))), $BOB, 'bob after alice is bob';
    is user($http->get(env_of('a'))), 401, '... and then nobody is known any more';

    my $used = (token('alice'))[1];
    is user(connection()->get(env_of('a'), Authorization => $used)), $ALICE, 'a token, used';
    my %bad = (
        'a replayed token'  => $used,
        'junk'              => negotiate('junk'),
        'no base64'         => 'Negotiate *',
        'an empty token'    => 'Negotiate',
        'NTLM'              => negotiate("NTLMSSP\0\1\0\0\0" . "\0" x 24),
        'another scheme'    => 'Bearer abc',
        'two credentials'   => 'Negotiate YQ==, Negotiate YQ==',
    );
    for my $what (sort keys %bad) {
        my $alice = logged_in('alice');
        is user($alice->get(env_of('a'), Authorization => $bad{$what})), 401, "$what after alice: 401";
        is user($alice->get(env_of('a'))), 401, '... alice is forgotten';
        is user($alice->get(env_of('a'), token('bob'))), $BOB, '... bob can come';
    }

    my $alice = logged_in('alice');
    my $bob   = initiator('bob', dce => 1);
    my $r     = $alice->get(env_of('a'), Authorization => $bob->authorization);
    is $r->status, 401, 'bob, in two legs: the first';
    is user($alice->get(env_of('a'))), 401, '... alice is forgotten, bob not proven';

    for my $name ('tls-only', 'no-acceptor', 'no-name', 'off', 'other-name') {
        my $http = logged_in('alice');
        $http->get(env_of($name), token('bob'));
        $http->closed(0.2) and do { pass "/$name closes the connection"; next };
        isnt user($http->get(env_of('a'))), $ALICE, "alice is gone when bob came to /$name";
    }
};

subtest 'not with somebody between' => sub {
    my @between = (
        [ Via               => '1.1 proxy' ],
        [ Forwarded         => 'for=192.0.2.1' ],
        [ 'X-Forwarded-For' => '192.0.2.1' ],
        [ 'X-Forwarded-Host' => 'www.example.test' ],
        [ 'X-Forwarded-Proto' => 'https' ],
        [ 'X-Real-IP'       => '192.0.2.1' ],
    );
    for my $header (@between) {
        my $http = connection();
        my $r    = $http->get(env_of('a'), token('alice'), @$header);
        is user($r), $ALICE, "$header->[0] with the token: granted";
        is $r->header('Persistent-Auth'), undef, '... for this request';
        is user($http->get(env_of('a'))), 401, '... and not kept';

        $http = logged_in('alice');
        is user($http->get(env_of('a'), @$header)), 401, "$header->[0] later: not reused";
        is user($http->get(env_of('a'))), 401, '... never again on this connection';
    }

    # 127.0.0.1: the proxy's own machine has clients as well.
    for my $client ('192.0.2.1', '127.0.0.1') {
        my @host = (Host => 'proxied.test');
        my @from = ('X-Forwarded-For' => $client, @host);
        my $http = connection();
        my $r    = $http->get(env_of('a'), token('alice'), @from);
        is user($r), $ALICE, "mod_remoteip, for $client: granted";
        is $r->env->{REMOTE_ADDR}, $client, '... (and mod_remoteip was there)';
        is $r->env->{HTTP_X_FORWARDED_FOR}, undef, '... (and took the header away)';
        is $r->header('Persistent-Auth'), undef, '... for this request';
        is user($http->get(env_of('a'), @host)), 401, '... and not kept';
        is user($http->get(env_of('a'), @from)), 401, '... not for another of the same address';

        $http = connection();
        is user($http->get(env_of('a'), token('alice'), @host)), $ALICE, 'without a proxy: granted';
        is user($http->get(env_of('a'), @host)), $ALICE, '... kept';
        is user($http->get(env_of('a'), @from)), 401, "... not reused for $client";
        is user($http->get(env_of('a'), @host)), 401, '... never again on this connection';
    }
};

subtest 'HTTP/1.0' => sub {
    my $http = connection();
    my $get  = sub {
        my ($path, @headers) = @_;
        my $text = $http->format_request(GET => $path, [ Connection => 'keep-alive', @headers ]);
        $http->send_raw($text =~ s{ HTTP/1\.1\r}{ HTTP/1.0\r}r);
        return $http->read_response;
    };
    my $r = $get->('/a/plain.txt', token('alice'));
    is $r->status, 200, 'granted';
    is lc($r->header('Connection') || ''), 'keep-alive', '... on a connection that stays';
    is $r->header('Persistent-Auth'), undef, '... and keeps no identity';
    is $get->('/a/plain.txt')->status, 401, '... so the next is asked';

    $http = logged_in('alice');
    is $get->('/a/plain.txt')->status, 401, 'nor does HTTP/1.0 use what HTTP/1.1 has left';
};

subtest 'pipelined requests' => sub {
    my $http = connection();
    my @who  = ([], [ token('alice') ], [], [ token('bob') ], [], [ Authorization => negotiate('x') ], []);
    $http->send_raw(join '', map { $http->format_request(GET => env_of('a'), $_) } @who);
    is_deeply [ map { user($http->read_response) } @who ],
      [ 401, $ALICE, $ALICE, $BOB, 401, 401, 401 ], 'each has the user of its place in the line';
};

subtest 'the last request of a connection' => sub {
    my $http = logged_in('alice');
    is user($http->get(env_of('a'), Connection => 'close')), $ALICE, 'is alice as well';
    ok $http->closed, '... and then it is closed';
};

subtest 'TLS' => sub {
    my $http = http(name => 'tls');
    is user($http->get('/persist/env.pl', token('alice'))), $ALICE, 'alice over TLS';
    is user($http->get('/persist/env.pl')), $ALICE, '... kept';
    is user(http()->get('/persist/env.pl')), 401, '... there';
};

subtest 'curl' => sub {
    my $sources = sub {
        my ($name) = @_;
        my @urls = map { $server->url(env_of($name)) . "?$_" } 1 .. 3;
        return curl(ccache('alice'), '--negotiate', '-u', ':', @urls) =~ /^NEGOTIATE_SOURCE=(.*)$/mg;
    };
    is_deeply [ $sources->('a') ], [qw(header connection connection)], 'one token for a connection';
    is_deeply [ $sources->('off') ], [qw(header header header)], 'Persist Off: one for a request';
};

subtest 'never longer than the ticket' => sub {
    my $http = $short->{http};
    my $soon = $short->{end} - time;
    is user($short->{first}), $ALICE, 'a ticket of a few seconds';
    cmp_ok $soon, '<', 8, '... which ends soon';
    # The library tells how many seconds are left; when a second ends while it counts, one is lost.
    my $early = $short->{end} - $short->{first}->env->{GSS_SESSION_EXPIRATION};
    ok $early == 0 || $early == 1, '... at GSS_SESSION_EXPIRATION';
    SKIP: {
        skip 'too slow to see it before its end', 1 if $soon < 1;
        is user($http->get(env_of('a'))), $ALICE, '... the connection keeps it';
    }
    # To the moment: the ticket is over at the beginning of its last second.
    my $left = $short->{end} - time;
    sleep $left + 0.02 if $left > 0;
    is user($http->get(env_of('a'))), 401, '... until then, whatever the clock skew';
    is user($http->get(env_of('a'), token('bob'))), $BOB, 'bob can come';
};

# A login must give back what the one before had: 200 of them, in one process,
# on one connection, and then many more to see what a single one costs.
subtest 'memory of a connection' => sub {
    plan skip_all => 'a sanitizer keeps what was freed' if $ENV{NEG_SANITIZE_PRELOAD};
    local $ENV{NEG_MPM} = 'prefork';
    my $one = server(conf => <<'CONF');
        StartServers 1
        MinSpareServers 1
        MaxSpareServers 1
        MaxRequestWorkers 1
        LogLevel auth_negotiate:warn
        <Location "/">
            AuthType Negotiate
            AuthName "one"
            AuthNegotiateKeytab "@keytab@"
            AuthNegotiatePersist On
            Require valid-user
        </Location>
CONF
    $one->start;
    wait_until(sub { 1 == (() = $one->children) }, 5);
    my ($child) = $one->children;
    my $http = http(port => $one->port);
    my %round = (
        'logins' => sub { $http->get('/plain.txt', token('alice'))->status },
        'first legs that nobody continues' => sub {
            $http->get('/plain.txt', token('alice', dce => 1))->status == 401 ? 200 : 0;
        },
        'failures' => sub {
            $http->get('/plain.txt', Authorization => negotiate('junk'))->status == 401 ? 200 : 0;
        },
    );
    for my $what (sort keys %round) {
        my $bad = grep { $round{$what}->() != 200 } 1 .. 200;
        my $before = rss($child);
        $bad += grep { $round{$what}->() != 200 } 1 .. 600;
        my $grown = rss($child) - $before;
        is $bad, 0, "800 $what on one connection";
        cmp_ok $grown, '<', 128, '... and the last 600 cost nothing' or diag "$grown KiB";
        note "$grown KiB";
    }
    is_deeply [ $one->children ], [$child], 'it was one process all the time';
};

sub rss {
    my ($pid) = @_;
    open my $in, '<', "/proc/$pid/status" or return 0;
    local $/;
    return <$in> =~ /^VmRSS:\s+(\d+) kB/m ? $1 : 0;
}

# Or else each spelling would cost each thread a credential.
{
    my $http = logged_in('alice', 'by-host', Host => 'localhost');
    is user($http->get(env_of('by-host'), Host => 'LocalHost')), $ALICE, 'one host, spelled otherwise, is one acceptor';
    is user($http->get(env_of('by-host'), Host => 'www.example.test')), 401, '... and another host another';
}

is_deeply [ $server->log->crashes ], [], 'nobody died';

done_testing;
