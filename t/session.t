# AuthNegotiateSession: what a cookie keeps, where it is good, how long - and what is as good as
# none. Stores are in t/session-store.t.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use MIME::Base64 qw(decode_base64 encode_base64);
use NegTest;
use POSIX 'WNOHANG';
use Time::HiRes qw(sleep time);

my $server = server(conf => 'LogLevel warn auth_negotiate:info');
my $dir    = $server->dir;

sub key_file {
    my ($name, $key, $mode) = @_;
    open my $out, '>', "$dir/$name" or die "$dir/$name: $!\n";
    print $out $key;
    close $out;
    chmod defined $mode ? $mode : 0600, "$dir/$name";
    return "$dir/$name";
}
my %key = map { $_ => encode_base64(join('', map { chr int rand 256 } 1 .. 32)) } qw(old new);
key_file($_, $key{$_}) for keys %key;

sub conf {
    my ($more) = @_;
    return <<"CONF";
    ScriptAliasMatch "^/[^/]+/env\\.pl" "\@stage\@/cgi-bin/env.pl"
    AliasMatch "^/[^/]+/(plain\\.txt|inner\\.shtml|index\\.html)" "\@stage\@/htdocs/\$1"
    AuthNegotiateKeytab "\@keytab\@"
    LogLevel warn auth_negotiate:debug
$more
    <LocationMatch "^/(?!open|plain)">
        AuthType Negotiate
        AuthName "one"
        AuthNegotiateSession On
        Require valid-user
    </LocationMatch>
    <Location "/off">
        AuthNegotiateSession Off
    </Location>
    <Location "/two">
        AuthName "two"
    </Location>
    <Location "/other-acceptor">
        AuthNegotiateAcceptor any
    </Location>
    <Location "/bound">
        AuthNegotiateChannelBinding require
    </Location>
    <Location "/delegate">
        AuthNegotiateDelegate "FILE:\@stage\@/delegated"
    </Location>
    <Location "/tls-only">
        AuthNegotiateRequireTLS On
    </Location>
    <Location "/bob-only">
        Require user bob\@EXAMPLE.TEST
    </Location>
    <Location "/local">
        AuthNegotiateUser local
    </Location>
    <Location "/short">
        AuthNegotiateSessionTimeout 3 6
        AuthName "short"
    </Location>
    <Location "/large">
        AuthName "@{[ 'x' x 3000 ]}"
    </Location>
    <Location "/named">
        AuthName "named"
        AuthNegotiateSessionCookie my-app Path=/named SameSite=Strict Max-Age=600 Secure
    </Location>
    <Location "/persist">
        AuthName "persist"
        AuthNegotiatePersist On
    </Location>
    <Location "/logout">
        SetHandler negotiate-logout
        Require all granted
    </Location>
    <VirtualHost 127.0.0.1:\@port\@>
        ServerName localhost:\@port\@
        ServerAlias alias.test
    </VirtualHost>
    <VirtualHost 127.0.0.1:\@port\@>
        ServerName other.test:\@port\@
    </VirtualHost>
    <VirtualHost 127.0.0.1:\@port\@>
        ServerAlias nameless1.test
    </VirtualHost>
    <VirtualHost 127.0.0.1:\@port\@>
        ServerAlias nameless2.test
    </VirtualHost>
CONF
}
$server->configure(conf("AuthNegotiateSessionKey $dir/old"))->start;

my $http = http(port => $server->port);
sub get    { my ($path, @headers) = @_; return $http->get($path, @headers) }
sub env_of { my ($name) = @_; return "/$name/env.pl" }
sub token  { my ($who, %opt) = @_; return (Authorization => initiator($who, %opt)->authorization) }

sub user {
    my ($r) = @_;
    return 'nothing' if !$r;
    return $r->status if $r->status != 200;
    return $r->env->{REMOTE_USER} || '(none)';
}
sub set_cookies { my ($r) = @_; my @all = $r->header('Set-Cookie'); return @all }
sub pair_of { my ($r) = @_; return ((set_cookies($r))[0] || '') =~ /^([^;]*)/ ? $1 : '' }

# The Cookie header of a client that has logged in.
sub login {
    my ($who, $name, @headers) = @_;
    my $r = get(env_of($name || 'a'), token($who), @headers);
    user($r) eq "$who\@EXAMPLE.TEST" or diag "login of $who: ", user($r);
    return (Cookie => pair_of($r));
}
my ($ALICE, $BOB) = map { "$_\@EXAMPLE.TEST" } qw(alice bob);

subtest 'a session' => sub {
    my $first = get(env_of('a'), token('alice'));
    is user($first), $ALICE, 'alice';
    my @set = set_cookies($first);
    is scalar @set, 1, '... gets one cookie';
    like $set[0], qr{^negotiate_[0-9a-f]{8}=[\w+/=]+; Path=/; HttpOnly; SameSite=Lax$}, '... with its attributes';
    is_deeply [ $first->header('Cache-Control') ], ['private'], '... in an answer that no cache may keep';
    my @cookie = (Cookie => pair_of($first));
    for my $name (qw(a b)) {
        my $r = get(env_of($name), @cookie);
        is user($r), $ALICE, "/$name with the cookie alone: alice";
        is $r->env->{NEGOTIATE_SOURCE}, 'session', '... by her session';
        is $r->env->{AUTH_TYPE}, 'Negotiate', '... AUTH_TYPE';
        is $r->env->{$_}, $first->env->{$_}, "... the same $_"
          for qw(GSS_NAME GSS_SESSION_EXPIRATION NEGOTIATE_MECH NEGOTIATE_REALM NEGOTIATE_CHANNEL_BOUND);
        is_deeply [ set_cookies($r) ], [], '... no other cookie';
        is_deeply [ $r->header('Cache-Control') ], ['private'], '... no cache may keep it';
        is_deeply [ $r->challenges ], [], '... no token';
        is $r->env->{HTTP_COOKIE}, undef, '... the application does not see the cookie';
    }
    is user(get(env_of('local'), @cookie)), 'alice', 'each location names her by its own rule';
    is user(get(env_of('a'))), 401, 'without the cookie: nobody';
    is_deeply [ set_cookies(get(env_of('a'))) ], [], '... and no cookie';
    my $r = get(env_of('a'), Cookie => "a=1; $cookie[1]; b=2");
    is user($r), $ALICE, 'among other cookies';
    is $r->env->{HTTP_COOKIE}, 'a=1; b=2', '... which the application has';
    is user(get(env_of('a'), Cookie => 'a=1', Cookie => $cookie[1])), 401,
      'a line of its own, which httpd joins by a comma, cannot be told from a value: nobody';
    is get(env_of('plain'), Cookie => "a=1; $cookie[1]")->env->{HTTP_COOKIE}, 'a=1',
      'nor does a page see it that is not protected';
    my $spoilt = $cookie[1] =~ s/=.*//r . '=AAAA';
    is user(get(env_of('a'), Cookie => "$spoilt; $cookie[1]")), $ALICE, 'behind another of its name';
    is user(get(env_of('a'), Cookie => join '; ', ($spoilt) x $_->[0], $cookie[1])), $_->[1], "... behind $_->[0]"
      for [ 10, $ALICE ], [ 64, 401 ];
};

subtest 'every answer' => sub {
    for my $case ([ GET => '/a/nothing', 404 ], [ HEAD => '/a/plain.txt', 200 ]) {
        my ($method, $path, $status) = @$case;
        my $r = $http->request($method => $path, [ token('alice') ]);
        is $r->status, $status, "$method $path";
        is user(get(env_of("a"), Cookie => pair_of($r))), $ALICE, "... has a cookie";
    }
    my $etag = get('/a/plain.txt', login('alice'))->header('ETag');
    my $r = get('/a/plain.txt', token('alice'), 'If-None-Match' => $etag);
    is $r->status, 304, 'not modified';
    is user(get(env_of("a"), Cookie => pair_of($r))), $ALICE, "... has a cookie" or diag $r->head;
    is get(env_of('bob-only'), login('alice'))->status, 403, 'alice is known and not bob: 403';
    $r = get(env_of('bob-only'), token('alice'));
    is_deeply [ $r->status, set_cookies($r) ], [403], '... and who may not enter gets no cookie';
    is_deeply [ set_cookies(get(env_of('a'), Authorization => 'Negotiate YQ==')) ], [], 'a refused token: no cookie';
    is_deeply [ set_cookies(get(env_of('off'), token('alice'))) ], [], 'Session Off: no cookie';
};

subtest 'only where the policy permits' => sub {
    my @alice = login('alice');
    is user(get(env_of($_), @alice)), 401, "alice's cookie at /$_"
      for qw(off two other-acceptor bound delegate);
    is user(get(env_of('tls-only'), @alice)), 403, '... at /tls-only';
    is user(get(env_of('open'), @alice)), '(none)', '... at an open page';
    is user(get(env_of('a'), @alice)), $ALICE, '... and still at /a';
    my @two = login('alice', 'two');
    isnt $two[1] =~ s/=.*//r, $alice[1] =~ s/=.*//r, 'another AuthName has another cookie';
    (my $name = $alice[1]) =~ s/=.*//;
    (my $value = $two[1]) =~ s/^[^=]*=//;
    is user(get(env_of('a'), Cookie => "$name=$value")), 401, '... which is not good under another name';
    is user(get(env_of('a'), Cookie => "$alice[1]; $two[1]")), $ALICE, 'both at once';
    is user(get(env_of('a'), @alice, Host => 'alias.test')), $ALICE, 'another name of this host';
    is user(get(env_of('a'), Cookie => _renamed($alice[1], env_of('a'), 'other.test'), Host => 'other.test')), 401, 'another host';
    my @nameless = login('alice', 'a', Host => 'nameless1.test');
    is user(get(env_of('a'), @nameless, Host => 'nameless1.test')), $ALICE, 'a host without a name';
    is user(get(env_of('a'), @nameless, Host => 'nameless2.test')), 401, '... is not the same as another one';
};

# The value of a cookie under the name that another place gives its own.
sub _renamed {
    my ($pair, $path, $host) = @_;
    my $name = pair_of(get($path, token('alice'), Host => $host)) =~ s/=.*//r;
    return $pair =~ s/^[^=]*/$name/r;
}

subtest 'a damaged cookie' => sub {
    my (undef, $pair) = login('alice');
    my ($name, $value) = split /=/, $pair, 2;
    my $bytes  = decode_base64($value);
    my $before = error_lines();
    my @good;
    for my $i (0 .. length($bytes) - 1) {
        my $bad = $bytes;
        substr($bad, $i, 1) = chr(ord(substr $bad, $i, 1) ^ 1 << $i % 8);
        my $r = get('/a/plain.txt', Cookie => "$name=" . encode_base64($bad, ''));
        push @good, $i if $r->status != 401;
    }
    is_deeply \@good, [], 'changed at any of its ' . length($bytes) . ' bytes: 401';
    my %bad = (
        'empty'      => '',
        'one byte'   => 'YQ==',
        'cut off'    => encode_base64(substr($bytes, 0, -1), ''),
        'longer'     => encode_base64($bytes . "\0", ''),
        'no base64'  => '*',
        'very long'  => 'A' x 6000,
        'a bit more' => $value =~ s/=*$/=/r,
        'in quotes'  => "\"$value\"",
    );
    for my $what (sort keys %bad) {
        my $r = get('/a/plain.txt', Cookie => "$name=$bad{$what}");
        is $r->status, 401, "$what: 401";
        is_deeply [ $r->challenges ], ['Negotiate'], '... a fresh challenge';
    }
    is get('/a/plain.txt', Cookie => $pair)->status, 200, 'as it was: 200';
    is error_lines(), $before, 'none of them is worth a warning';
};

sub error_lines { my @lines = $server->log->text =~ /\[auth_negotiate:(?:warn|error|crit)\]/g; return scalar @lines }

subtest 'a header always starts afresh' => sub {
    my @alice = login('alice');
    my $r = get(env_of('a'), @alice, token('bob'));
    is user($r), $BOB, 'bob with the cookie of alice: bob';
    is user(get(env_of('a'), Cookie => pair_of($r))), $BOB, '... and his own cookie';
    $r = get(env_of('a'), @alice, Authorization => 'Negotiate YQ==');
    is user($r), 401, 'junk with the cookie of alice: nobody';
    $r = get(env_of('a'), @alice, token('alice'));
    is user($r), $ALICE, 'alice with her own cookie: alice';
    is $r->env->{NEGOTIATE_SOURCE}, 'header', '... by her token';
    is_deeply [ set_cookies($r) ], [], '... who has a cookie already';
    $r = get(env_of('delegate'), @alice, token('alice', delegate => 1));
    is user($r), $ALICE, 'with her tickets';
    ok $r->env->{KRB5CCNAME}, '... which the application has';
    is_deeply [ set_cookies($r) ], [], '... and the cookie does not change: it cannot keep them';
};

subtest 'delegated tickets are not kept in a cookie' => sub {
    my $r = get(env_of('delegate'), token('alice', delegate => 1));
    my @cookie = (Cookie => pair_of($r));
    is user(get(env_of('a'), @cookie)), $ALICE, 'the session is good elsewhere';
    is user(get(env_of('delegate'), @cookie)), 401, '... and where tickets are wanted, she is asked again';
    @cookie = login('alice', 'delegate');
    is user(get(env_of('delegate'), @cookie)), $ALICE, 'if she gave none there, there are none to ask for';
    is user(get(env_of('a'), @cookie)), $ALICE, '... and she is known elsewhere';
};

subtest 'times' => sub {
    my $begin  = time;
    my @cookie = login('alice', 'short');
    my ($first, @renewed) = ($cookie[1]);
    my ($at, $gap) = (time, 0);
    for (1 .. 20) {
        sleep 0.6;
        my $r = get(env_of('short'), @cookie);
        last if user($r) eq 401;
        push @renewed, pair_of($r) if set_cookies($r);
        @cookie = (Cookie => pair_of($r)) if set_cookies($r);
        $gap = time - $at if time - $at > $gap;
        $at  = time;
    }
    SKIP: {
        skip 'too slow to use it before its end', 2 if $gap > 1.9;
        cmp_ok scalar @renewed, '>=', 2, 'a session in use is renewed';
        cmp_ok time - $begin, '>=', 6, '... until its end';
    }
    is user(get(env_of('short'), Cookie => $_)), 401, 'no cookie of it is good any more' for $first, @renewed;
    @cookie = login('alice', 'short');
    sleep 3.1;
    is user(get(env_of('short'), @cookie)), 401, 'a session that is not used has ended';
};

subtest 'never longer than the ticket' => sub {
    my $ccache = ccache('alice', lifetime => '5s');
    my $r = get(env_of('a'), token('alice', ccache => $ccache));
    my @cookie = (Cookie => pair_of($r));
    my $ends = $r->env->{GSS_SESSION_EXPIRATION};
    is user($r), $ALICE, 'a ticket of a few seconds';
    cmp_ok $ends, '<=', time + 5, '... that soon ends';
    sleep $ends - time + 0.02 if $ends > time;
    is user(get(env_of('a'), @cookie)), 401, '... and the session with it';
};

subtest 'the cookie as it is configured' => sub {
    my ($set) = set_cookies(get(env_of('named'), token('alice')));
    like $set, qr{^my-app=[^;]+; Path=/named; Max-Age=600; HttpOnly; SameSite=Strict; Secure$}, 'name and attributes';
    my ($pair) = $set =~ /^([^;]*)/;
    my $r = get(env_of('named'), Cookie => "x=1; $pair");
    is user($r), $ALICE, '... and it is found';
    is $r->env->{HTTP_COOKIE}, 'x=1', '... and hidden';
};

subtest 'what does not fit into a cookie' => sub {
    $server->log->mark;
    for (1 .. 3) {
        my $r = get(env_of('large'), token('alice'));
        is user($r), $ALICE, 'is let in';
        is_deeply [ set_cookies($r) ], [], '... without a session';
    }
    my @told = $server->log->lines(qr/auth_negotiate:error.*session-size/);
    like $told[0], qr/cookie of \d{4} bytes.*AuthNegotiateSessionStore/, 'the log has it, with the remedy';
    my @children = $server->children;
    cmp_ok scalar @told, '<=', scalar @children, '... once for each child';
};

subtest 'logout' => sub {
    my (undef, $pair) = login('alice');
    my $name = $pair =~ s/=.*//r;
    for my $method (qw(GET POST HEAD)) {
        my $r = $http->request($method => '/logout/', [ Cookie => $pair ], $method eq 'POST' ? 'x=1' : undef);
        is $r->status, 200, "$method: 200";
        is_deeply [ set_cookies($r) ], ["$name=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"], '... deletes the cookie';
        is_deeply [ $r->header('Cache-Control') ], ['no-store'], '... and is not kept';
        like $r->header('Content-Type'), qr{^text/plain}, '... as text';
    }
    is $http->request(GET => '/logout/', [])->status, 200, 'also without a session';
    is $http->request(PUT => '/logout/', [ Cookie => $pair ], 'x')->status, 405, 'PUT is refused';
    $http = http(port => $server->port);
    is user(get(env_of('persist'), token('alice'))), $ALICE, 'a connection that keeps alice';
    get('/logout/');
    is user(get(env_of('persist'))), 401, '... forgets her';
};

subtest 'keys' => sub {
    my @old = login('alice');
    my $restart = sub {
        my ($more) = @_;
        $server->configure(conf($more));
        ok $server->restart(graceful => 1), $more || 'no key';
        $http = http(port => $server->port);
    };
    $restart->("AuthNegotiateSessionKey $dir/new $dir/old");
    is user(get(env_of('a'), @old)), $ALICE, '... a session under the old key goes on';
    my @new = login('alice');
    $restart->("AuthNegotiateSessionKey $dir/new");
    is user(get(env_of('a'), @old)), 401, '... not without it';
    is user(get(env_of('a'), @new)), $ALICE, '... the new one seals';
    $restart->('');
    is user(get(env_of('a'), @new)), 401, '... a key that was made at start opens no other';
    my @made = login('alice');
    $restart->('');
    is user(get(env_of('a'), @made)), $ALICE, '... and is kept over a restart';
    my %bad = (
        'that others can read' => [ key_file('readable', $key{new}, 0640), qr/others than its owner/ ],
        'that is too short'    => [ key_file('short', "YWJj\n"),           qr/does not hold 32 bytes in base64/ ],
        'that is empty'        => [ key_file('empty', ''),                 qr/does not hold 32 bytes in base64/ ],
        'that is not there'    => [ "$dir/none",                           qr/cannot be read/ ],
        'that is a directory'  => [ $dir,                                  qr/it is no file/ ],
        'with two keys'        => [ key_file('two', $key{new} x 2),        qr/does not hold 32 bytes/ ],
    );
    for my $what (sort keys %bad) {
        my ($file, $says) = @{ $bad{$what} };
        my $r = server(conf => "AuthNegotiateSessionKey $file")->check;
        ok !$r->{ok}, "a file $what stops the start";
        like $r->{output}, $says, '... and says why';
        unlike $r->{output}, qr/\Q@{[ $key{new} =~ s{\n}{}r ]}\E/, '... without the key';
        my ($into) = $r->{output} =~ m{base64 32 > (\S+)\)};
        is $into, -e $file ? '/etc/apache2/session.key' : $file, '... and what to write, which overwrites no file that was named';
    }
};

subtest 'directives that cannot be obeyed' => sub {
    my %says = (
        'AuthNegotiateSessionTimeout 0'                          => qr/is no length of a session/,
        'AuthNegotiateSessionTimeout -5'                         => qr/is no length of a session/,
        'AuthNegotiateSessionTimeout 1 soon'                     => qr/is no length of a session/,
        'AuthNegotiateSessionTimeout 10h 1h'                     => qr/would end before it could be idle/,
        'AuthNegotiateSessionCookie "a b"'                       => qr/write a name of letters/,
        'AuthNegotiateSessionCookie a Path=x'                    => qr/is not understood/,
        'AuthNegotiateSessionCookie a "Path=/;x"'                => qr/is not understood/,
        'AuthNegotiateSessionCookie a Domain=a;b'                => qr/is not understood/,
        'AuthNegotiateSessionCookie a HttpOnly=off'              => qr/HttpOnly is always there/,
        'AuthNegotiateSessionCookie a SameSite=Some'             => qr/write SameSite=Lax/,
        'AuthNegotiateSessionCookie a SameSite=None'             => qr/write Secure beside it/,
        'AuthNegotiateSessionCookie a Max-Age=0'                 => qr/is no number of seconds/,
        'AuthNegotiateSessionCookie __Host-a Path=/b'            => qr/with Path=\/ and without Domain/,
        'AuthNegotiateSessionCookie __Host-a Domain=example.test' => qr/with Path=\/ and without Domain/,
        'AuthNegotiateSessionStore nothing:here'                 => qr/is no cache that is loaded.*write cookie/,
    );
    for my $line (sort keys %says) {
        my $r = server(conf => $line =~ /Store/ ? $line : qq{<Location /x>\n$line\n</Location>})->check;
        ok !$r->{ok}, $line;
        like $r->{output}, $says{$line}, '... says what to write instead';
    }
};

sub warnings_of { my ($conf) = @_; return server(conf => $conf)->check->{output} }

subtest 'warnings at start' => sub {
    my $logout = "SetHandler negotiate-logout\n";
    my %path   = ('Path=/app' => { '/app' => 0, '/app/out' => 0, '/application' => 1, '/logout' => 1 }, 'Path=/' => { '/logout' => 0 });
    for my $path (sort keys %path) {
        for my $where (sort keys %{ $path{$path} }) {
            my $output = warnings_of("<Location $where>\nAuthNegotiateSessionCookie a $path\n$logout</Location>");
            is scalar($output =~ /browsers do not send.*put the logout below/), $path{$path}{$where} || '', "a logout at $where for $path";
        }
    }
    my $session = sub { my ($more) = @_; return "<Location /x>\nAuthType Negotiate\nAuthNegotiateKeytab \@keytab\@\nAuthNegotiateSession On\n$more</Location>\n" };
    my $host    = sub { return "<VirtualHost 127.0.0.1:1>\n$_[0]</VirtualHost>\n" };
    my $clear   = qr/AuthNegotiateSession On .*may begin without TLS.*write AuthNegotiateRequireTLS On/;
    like warnings_of($session->('')), $clear, 'sessions without TLS';
    like warnings_of($host->($session->(''))), $clear, '... in a virtual host';
    unlike warnings_of($session->($_)), $clear, "... not with $_" =~ s/\n//r
      for "AuthNegotiateRequireTLS On\n", "AuthNegotiateRequireTLS Off\n", "AuthNegotiateSessionCookie default Secure\n";
    my $tls = qq{SSLEngine on\nSSLCertificateFile "\@stage\@/tls/server.crt"\nSSLCertificateKeyFile "\@stage\@/tls/server.key"\n};
    my $both = warnings_of($host->($tls . $session->('')));
    unlike $both, $clear, '... nor in a virtual host with TLS';
    like $both, qr/Syntax OK/, '... which is in order';
};

subtest 'curl with a cookie jar' => sub {
    my $jar = "$dir/jar";
    my @url = map { $server->url(env_of('a')) . "?$_" } 1 .. 3;
    is_deeply [ curl(ccache('alice'), '--negotiate', '-u', ':', '-c', $jar, $url[0]) =~ /^NEGOTIATE_SOURCE=(.*)$/mg ],
      ['header'], 'logs in once';
    is_deeply [ curl(ccache('alice'), '-b', $jar, @url) =~ /^NEGOTIATE_SOURCE=(.*)$/mg ],
      [ ('session') x 3 ], '... and goes on with its cookie';
    curl(ccache('alice'), '-b', $jar, '-c', $jar, $server->url('/logout/'));
    unlike curl(ccache('alice'), '-b', $jar, @url), qr/REMOTE_USER/, '... until it is logged out';
};

subtest 'restarts under load' => sub {
    $http = http(port => $server->port);    # the other one may have been idle for too long
    my @cookie = login('alice');
    my $port   = $server->port;
    my $until  = time + 60;
    my $pid    = fork;
    if (!$pid) {
        sleep 0.3;
        $server->restart(graceful => 1) for 1 .. 2;
        POSIX::_exit(0);
    }
    my ($count, $ended, @bad) = (0, 0);
    while (($count <= 10 || !$ended) && time < $until) {
        $ended ||= waitpid($pid, WNOHANG) == $pid;
        my $r = http(port => $port)->get('/a/plain.txt', @cookie, Connection => 'close');
        $count++;
        push @bad, $r ? $r->status : 'nothing' if !$r || $r->status != 200;
    }
    waitpid $pid, 0 if !$ended;
    cmp_ok $count, '>', 10, "$count requests";
    is_deeply \@bad, [], '... none has failed';
};

done_testing;
