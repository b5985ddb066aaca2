# AuthNegotiateSessionStore: sessions in shmcb, redis and memcache: revocable, shared by servers,
# with the client's tickets - and what happens when the store goes away.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use MIME::Base64 qw(decode_base64 encode_base64);
use NegTest;
use NegTest::Store;
use POSIX 'mkfifo';
use Time::HiRes qw(sleep time);

my $tickets = NegTest::stage_dir() . '/delegated';
my $key     = NegTest::stage_dir() . "/session-store-$$.key";
{
    open my $out, '>', $key or die "$key: $!\n";
    print $out encode_base64(join '', map { chr int rand 256 } 1 .. 32);
    close $out;
    chmod 0600, $key;
}

# Authorization of /slow waits until somebody opens the other end.
my $gate = NegTest::stage_dir() . "/session-store-$$.gate";
mkfifo($gate, 0644) or die "$gate: $!\n";
chmod 0644, $gate;

sub conf {
    my ($store) = @_;
    return <<"CONF";
    ScriptAliasMatch "^/[^/]+/env\\.pl" "\@stage\@/cgi-bin/env.pl"
    AliasMatch "^/[^/]+/(plain\\.txt)" "\@stage\@/htdocs/\$1"
    AuthNegotiateKeytab "\@keytab\@"
    LogLevel warn auth_negotiate:debug
    AuthNegotiateSessionStore $store
    AuthNegotiateSessionKey $key
    ServerName localhost:80
    <Location "/">
        AuthType Negotiate
        AuthName "one"
        AuthNegotiateSession On
        Require valid-user
    </Location>
    <Location "/short">
        AuthName "short"
        AuthNegotiateSessionTimeout 4 8
        AuthNegotiateDelegate "FILE:$tickets"
    </Location>
    <Location "/tickets">
        AuthNegotiateDelegate "FILE:$tickets"
    </Location>
    <Location "/backends">
        AuthName "backends"
        AuthNegotiateProxyService HTTP\@localhost
    </Location>
    <Location "/known">
        AuthName "short"
        AuthNegotiateSessionTimeout 4 20
    </Location>
    <Location "/slow">
        AuthName "short"
        AuthNegotiateSessionTimeout 4 20
        <RequireAll>
            Require valid-user
            Require expr "-z %{REMOTE_USER} || file('$gate') == ''"
        </RequireAll>
    </Location>
    <Location "/logout/short">
        AuthName "short"
    </Location>
    <Location "/logout">
        SetHandler negotiate-logout
        Require all granted
    </Location>
CONF
}

sub env_of { my ($name) = @_; return "/$name/env.pl" }
sub token  { my ($who, %opt) = @_; return (Authorization => initiator($who, %opt)->authorization) }
sub get    { my ($server, $path, @headers) = @_; return http(port => $server->port)->get($path, @headers) }

sub user {
    my ($r) = @_;
    return 'nothing' if !$r;
    return $r->status if $r->status != 200;
    return $r->env->{REMOTE_USER} || '(none)';
}
sub pair_of { my ($r) = @_; return (($r->header('Set-Cookie'))[0] || '') =~ /^([^;]*)/ ? $1 : '' }

sub login {
    my ($server, $name, %opt) = @_;
    my $r = get($server, env_of($name || 'a'), token('alice', %opt));
    user($r) eq 'alice@EXAMPLE.TEST' or diag 'login: ', user($r);
    return (Cookie => pair_of($r));
}
sub kept { my @all = sort glob "$tickets/krb5cc_session_*"; return @all }
my $ALICE = 'alice@EXAMPLE.TEST';

sub logs_out {
    my ($server) = @_;
    my @cookie = login($server);
    my @other  = login($server);
    is user(get($server, env_of('a'), @cookie)), $ALICE, 'a session';
    is get($server, '/logout/', @cookie)->status, 200, '... is ended';
    is user(get($server, env_of('a'), @cookie)), 401, '... and its cookie is good for nothing';
    is user(get($server, env_of('a'), @other)), $ALICE, '... another goes on';
}

# By another host of the domain, say, with a longer Path, so that they come first.
sub resists_planted_cookies {
    my ($server) = @_;
    my ($real)   = (login($server))[1];
    my ($name)   = $real =~ /^([^=]+)/;
    my $all      = join '; ', (map { "$name=planted$_" } 1 .. 10), $real;
    is user(get($server, env_of('a'), Cookie => $all)), $ALICE, 'planted cookies do not hide the session';
    get($server, '/logout/', Cookie => $all);
    is user(get($server, env_of('a'), Cookie => $real)), 401, '... nor keep it from being ended';
}

# A renewal is under way while the session is ended, here and at another server.
sub does_not_come_back {
    my ($here, $there) = @_;
    my @cookie = login($here, 'known');
    sleep 1.2;    # a renewal is due
    pipe my $out, my $in or die "pipe: $!\n";
    my $pid = fork;
    if (!$pid) {
        my $r = get($here, '/slow/plain.txt', @cookie);
        syswrite $in, $r ? $r->status : 'nothing';
        POSIX::_exit(0);
    }
    close $in;
    sleep 0.5;
    is get($there, '/logout/short', @cookie)->status, 200, 'a session is ended while a request with it waits';
    open my $writer, '>', $gate or die "$gate: $!\n";
    close $writer;
    is scalar(<$out>), 200, '... which goes on';
    waitpid $pid, 0;
    is user(get($_, env_of('known'), @cookie)), 401, '... and does not bring the session back' for $here, $there;
}

SKIP: {
    skip 'this httpd has no mod_socache_shmcb', 1 if !-e NegTest::Httpd::apxs('LIBEXECDIR') . '/mod_socache_shmcb.so';
    subtest 'shmcb' => sub {
        my $server = server(conf => conf('shmcb'))->start;
        my @cookie = login($server);
        cmp_ok length($cookie[1]), '<', 180, 'the cookie is short: ' . length $cookie[1];
        is user(get($server, env_of($_), @cookie)), $ALICE, "it is good at /$_" for qw(a b);
        is get($server, env_of('a'), @cookie)->header('Set-Cookie'), undef, '... and is not repeated';
        is user(get($server, env_of('short'), @cookie)), 401, '... not for another AuthName';
        logs_out($server);
        resists_planted_cookies($server);
        does_not_come_back($server, $server);
        ok $server->restart(graceful => 1), 'a graceful restart';
        is user(get($server, env_of('a'), @cookie)), $ALICE, '... and the session lives on';
        ok $server->restart, 'a restart';
        is user(get($server, env_of('a'), @cookie)), $ALICE, '... and the session lives on';
        my ($name, $value) = split /=/, $cookie[1], 2;
        my $bytes = decode_base64($value);
        my @good;
        for my $i (0 .. length($bytes) - 1) {
            my $bad = $bytes;
            substr($bad, $i, 1) = chr(ord(substr $bad, $i, 1) ^ 0x80);
            push @good, $i if get($server, '/a/plain.txt', Cookie => "$name=" . encode_base64($bad, ''))->status != 401;
        }
        is_deeply \@good, [], 'changed at any byte: 401';
    };

    subtest "the client's tickets" => sub {
        my $server = server(conf => conf('shmcb'))->start;
        unlink kept();
        my $r = get($server, env_of('tickets'), token('alice', delegate => 1));
        my @cookie = (Cookie => pair_of($r));
        is scalar(kept()), 1, 'are kept with the session';
        $r = get($server, env_of('tickets'), @cookie);
        is user($r), $ALICE, 'alice, by her session';
        is $r->env->{KRB5CCNAME}, 'FILE:' . (kept())[0], '... with her tickets';
        like kdc()->klist('-c', (kept())[0]), qr/krbtgt/, '... which are some';
        is get($server, env_of('a'), @cookie)->env->{KRB5CCNAME}, undef, '... not where nobody wants them';
        $r = get($server, env_of('tickets'), @cookie, token('alice', delegate => 1));
        is_deeply [ $r->header('Set-Cookie') ], [], 'the next token needs no other session';
        is scalar(kept()), 1, '... nor other tickets';
        ok $server->restart(graceful => 1), 'a graceful restart';
        is user(get($server, env_of('tickets'), @cookie)), $ALICE, '... leaves them';
        get($server, '/logout/', @cookie);
        is scalar(kept()), 0, 'logout removes them';
        @cookie = login($server, 'tickets', delegate => 1);
        unlink kept();
        is user(get($server, env_of('tickets'), @cookie)), 401, 'where they are not there, she is asked again';
        is user(get($server, env_of('a'), @cookie)), $ALICE, '... and is known elsewhere';
        @cookie = login($server, 'short', delegate => 1);
        my ($file) = kept();
        rename $file, "$file.away" or die "$file: $!\n";
        sleep 1.2;
        is user(get($server, env_of('known'), @cookie)), $ALICE, 'a machine that does not have them renews the session';
        rename "$file.away", $file or die "$file: $!\n";
        is get($server, env_of('short'), @cookie)->env->{KRB5CCNAME}, "FILE:$file", '... with them, for the one that has';
        unlink kept();
        login($server, 'short', delegate => 1);
        is scalar(kept()), 1, 'those of a session that ends';
        sleep 6.2;
        ok $server->restart, '... are';
        wait_until(sub { !kept() }, 10);
        is_deeply [ kept() ], [], '... removed when a child starts';
        my @all = map { get($server, env_of('tickets'), token('bob', delegate => 1)) } 1 .. 18;
        is_deeply [ map { user($_) } @all ], [ ('bob@EXAMPLE.TEST') x 18 ], 'one who logs in again and again';
        is scalar(kept()), 16, '... keeps so many and no more';
        is_deeply [ map { scalar(() = $_->header('Set-Cookie')) } @all ], [ (1) x 16, 0, 0 ], '... in as many sessions';
        is user(get($server, env_of('tickets'), Cookie => pair_of($all[$_]))), 'bob@EXAMPLE.TEST', "... session $_" for 0, 15;
        is user(get($server, env_of('tickets'), token('alice', delegate => 1))), $ALICE, 'another user';
        is scalar(kept()), 17, '... has his own';
        unlink kept();
        $server->log->mark;
        @cookie = login($server, 'backends', delegate => 1);
        is_deeply [ get($server, env_of('backends'), @cookie, token('alice', delegate => 1))->header('Set-Cookie') ], [],
          'those that are in memory, for backends, do not begin a session with each token';
        is_deeply [ $server->log->lines(qr/goes on \(delegation\)/) ], [], '... nor is anybody told';
        is scalar(kept()), 0, '... and they are not kept';
        is user(get($server, env_of('backends'), @cookie)), 401, '... so that she is asked for them again';
        my $others = sub { return grep { !/session/ } glob "$tickets/krb5cc_*" };
        wait_until(sub { !$others->() }, 5);    # a request ends after its answer
        is_deeply [ $others->() ], [], 'and nothing else is left';
    };
}

for my $provider (qw(redis memcache)) {
  SKIP: {
        my $missing = NegTest::Store->missing($provider);
        skip $missing, 1 if $missing;
        subtest $provider => sub {
            my $store   = NegTest::Store->new($provider, NegTest::stage_dir())->start;
            my @servers = map { server(conf => conf($store->text))->start } 1, 2;
            my @cookie  = login($servers[0]);
            is user(get($servers[1], env_of('a'), @cookie)), $ALICE, 'a session of one server is good at the other';
            get($servers[1], '/logout/', @cookie);
            is user(get($servers[0], env_of('a'), @cookie)), 401, '... and is ended there for both';
            logs_out($servers[0]);
            does_not_come_back(@servers);
            my $short = (login($servers[0], 'short'))[1];
            my $login = time;
            sleep 1.5;
            my $r = get($servers[1], env_of('short'), Cookie => $short);
            SKIP: {
                skip 'too slow to see it before its end', 3 if time - $login > 3.9;
                is user($r), $ALICE, 'renewed at the other';
                is $r->header('Set-Cookie'), undef, '... without another cookie';
                sleep $login + 4.1 - time;
                my $late = get($servers[0], env_of('short'), Cookie => $short);
                skip 'too slow to see it before its end', 1 if time - $login > 5.3;
                is user($late), $ALICE, '... which the first knows';
            }

            my ($ours, $theirs) = map { (login($_))[1] } @servers;
            $servers[0]->log->mark;
            $store->stop;
            my $begin = time;
            for (1 .. 3) {
                my $r = get($servers[0], env_of('a'), Cookie => $ours);
                is user($r), 401, 'the store is gone: the client is asked again';
                is_deeply [ $r->challenges ], ['Negotiate'], '... properly';
                $r = get($servers[0], env_of('a'), Cookie => $ours, token('alice'));
                is user($r), $ALICE, '... and let in by a token';
                is $r->header('Set-Cookie'), undef, '... without a session';
            }
            cmp_ok time - $begin, '<', 10, '... soon';
            $r = get($servers[0], '/logout/', Cookie => $ours);
            is $r->status, 503, 'logout: it cannot be said that the session has ended';
            ok $r->header('Retry-After'), '... and when to try again';
            like +($r->header('Set-Cookie'))[0], qr/=; Path=.*Max-Age=0/, '... the client forgets it all the same';
            my @told = $servers[0]->log->text =~ /\[auth_negotiate:error\].*session-store/g;
            cmp_ok scalar @told, '>=', 1, 'the log has it';
            my @children = $servers[0]->children;
            cmp_ok scalar @told, '<=', scalar @children, '... once for each child';
            $store->start;
            my $back = sub {    # connections of before fail, each once
                my $cookie = (login($servers[0]))[1];
                return $cookie ne '' && user(get($servers[0], env_of('a'), Cookie => $cookie)) eq $ALICE;
            };
            ok wait_until($back, 40), 'the store is back: sessions again';
            $_->stop for @servers;
            $store->stop;
        };
    }
}

unlink $key, $gate;
done_testing;
