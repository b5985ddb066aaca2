# How much of a store one user can have and write: who logs in without end drives out nobody else.
#
# NEG_SESSION_LOGINS=100000 for a run of that many, by four clients at once.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use IO::Socket::INET;
use List::Util 'sum';
use NegTest;
use NegTest::AD;
use NegTest::Httpd 'mpm';
use NegTest::Store;
use Time::HiRes qw(sleep time);

plan skip_all => 'it is the same with every MPM' if mpm() eq 'prefork';

my $LOGINS = $ENV{NEG_SESSION_LOGINS} || 700;    # 575 were enough to empty shmcb
use constant { MOST => 16, WINDOW => 600 };
my $ALICE = 'alice@EXAMPLE.TEST';
kdc()->add_principal($_, password => $_) for qw(greedy GREEDY);

sub conf {
    my ($store) = @_;
    return <<"CONF";
    ScriptAliasMatch "^/[^/]+/env\\.pl" "\@stage\@/cgi-bin/env.pl"
    AliasMatch "^/[^/]+/(plain\\.txt)" "\@stage\@/htdocs/\$1"
    AuthNegotiateReplayCache memory
    LogLevel warn
    AuthNegotiateSessionStore $store
    <Location "/">
        AuthType Negotiate
        AuthName "one"
        AuthNegotiateKeytab "\@keytab\@"
        AuthNegotiateSession On
        Require valid-user
    </Location>
    <Location "/short">
        AuthNegotiateSessionTimeout 1 10h
    </Location>
    <Location "/logout">
        SetHandler negotiate-logout
        Require all granted
    </Location>
CONF
}

my ($server, $http);
sub get { my (@request) = @_; return ($http ||= http(port => $server->port))->get(@request) }

# On a connection that stays open, for as long as httpd lets it.
sub get_often {
    my (@request) = @_;
    my $r = eval { get(@request) };
    undef $http if !$r || grep { lc eq 'close' } $r->header('Connection');
    return $r || get(@request);
}
sub pair_of { my ($r) = @_; return (($r->header('Set-Cookie'))[0] || '') =~ /^([^;]*)/ ? $1 : '' }
sub login {
    my ($who, @headers) = @_;
    return get_often('/a/plain.txt', Authorization => initiator($who)->authorization, @headers);
}
sub status { my ($cookie) = @_; return get_often('/a/plain.txt', Cookie => $cookie)->status }

# A user who does all that makes a server write: no cookie jar, one, logouts, logouts of what is over,
# and another spelling of the name. Returns how often he was let in, and how many sessions began.
sub attack {
    my ($logins) = @_;
    my ($entered, %cookie) = (0);
    my $own = '';
    for my $i (1 .. $logins) {
        my $who = $i % 3 ? 'greedy' : 'GREEDY';
        my $r   = login($who, $i % 4 == 1 ? (Cookie => $own) : ());
        $entered++ if $r->status == 200;
        my $pair = pair_of($r);
        $cookie{$pair}++ if $pair ne '';
        $own = $pair     if $pair ne '';
        get_often('/logout/', Cookie => $own) if $i % 5 == 0;
    }
    return [ $entered, scalar keys %cookie ];
}

sub attack_at_once {
    my ($clients) = @_;
    ccache($_) for qw(greedy GREEDY);
    my @all = $clients == 1
      ? attack($LOGINS)
      : in_parallel($clients, sub { undef $http; return attack($LOGINS / $clients) });
    return map { my $n = $_; sum(map { $_->[$n] } @all) } 0, 1;
}

sub others_go_on {
    my ($store) = @_;
    my @alice  = map { pair_of(login('alice')) } 1 .. 10;
    my $before = $store ? $store->count : 0;
    my $begin  = time;
    my ($entered, $begun) = attack_at_once($ENV{NEG_SESSION_LOGINS} ? 4 : 1);
    is $entered, $LOGINS, "$LOGINS logins of one user are served";
    my $seconds = time - $begin;
    $seconds < WINDOW
      ? is $begun, MOST, '... and begin sixteen sessions, ended ones included'
      : cmp_ok $begun, '<=', MOST * (1 + $seconds / WINDOW), '... and begin sixteen sessions in ten minutes';
    is scalar(grep { status($_) == 200 } @alice), 10, "... beside another user's ten, who are all there";
    cmp_ok $store->count - $before, '<=', MOST, '... and what he has in the store is so much' if $store;
    diag sprintf '%d logins in %.0f s: %d sessions', $LOGINS, $seconds, $begun if $ENV{NEG_SESSION_LOGINS};
    my @told = $server->log->lines(qr/auth_negotiate:warn.*session-limit/);
    like $told[0], qr/greedy\@.*keeps no cookie.*cookie jar/i, 'the log has the cause and the remedy';
    my @children = $server->children;
    cmp_ok scalar @told, '<=', @children * (1 + (time - $begin) / 60), '... once a minute for each child';
    return;
}

sub sixteen_live {
    my @all = map { pair_of(login('bob')) } 1 .. MOST;
    is scalar(grep { status($_) == 200 } @all), MOST, 'sixteen sessions of a user';
    my $r = login('bob');
    is $r->status, 200, '... who comes with a seventeenth browser is let in';
    is_deeply [ $r->header('Set-Cookie') ], [], '... without a session';
    is scalar(grep { status($_) == 200 } @all), MOST, '... and all sixteen go on';
    $r = login('bob', Cookie => $all[0]);
    is_deeply [ $r->status, $r->header('Set-Cookie') ], [200], 'a browser that has one keeps it';
    is status($all[0]), 200, '... though it shows a ticket';
    return;
}

# What was written since the last time.
my %written;
sub writes {
    my ($store) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $store->text =~ s/.*://r) or die "redis: $@\n";
    print $socket "INFO commandstats\r\n";
    my ($length) = <$socket> =~ /^\$(\d+)/ or die "redis has no commandstats\n";
    read $socket, my ($text), $length;
    my $all = 0;
    $all += $1 while $text =~ /^cmdstat_(?:set|setex|del):calls=(\d+)/mg;
    my $new = $all - ($written{$store} || 0);
    $written{$store} = $all;
    return $new;
}

sub writes_little {
    my ($store) = @_;
    login('bob') for 1 .. MOST;    # whatever he has begun before
    writes($store);
    login('bob') for 1 .. 20;
    is writes($store), 0, 'a login that begins no session writes nothing';
    my $cookie = pair_of(get('/short/plain.txt', Authorization => initiator('alice')->authorization));
    writes($store);
    my ($renewed, $gap, $used) = (0, 0, time);
    for (my $until = time + 4; time < $until;) {
        sleep 0.1;
        my $r = get_often('/short/plain.txt', Cookie => $cookie);
        last if $r->status != 200;
        $renewed++            if pair_of($r) ne '';
        $cookie = pair_of($r) if pair_of($r) ne '';
        $gap    = time - $used if time - $used > $gap;
        $used   = time;
    }
    SKIP: {
        skip 'too slow to use it often', 2 if $gap > 0.7;
        is get('/short/plain.txt', Cookie => $cookie)->status, 200, 'a session with a short idle time, in constant use, goes on';
        my $writes = writes($store);
        cmp_ok $writes, '<=', 7, '... by its cookie, and hardly by writing it again';
        cmp_ok $renewed, '>=', 3, '... which is renewed';
    }
    return;
}

my %missing = (
    shmcb => -e NegTest::Httpd::apxs('LIBEXECDIR') . '/mod_socache_shmcb.so' ? undef : 'this httpd has no mod_socache_shmcb',
    redis => NegTest::Store->missing('redis'),
);
for my $kind (qw(shmcb redis)) {
  SKIP: {
        skip $missing{$kind}, 1 if $missing{$kind};
        my $store = $kind eq 'redis' ? NegTest::Store->new('redis', stage_dir())->start : undef;
        undef $http;
        $server = server(conf => conf($store ? $store->text : 'shmcb'))->start;
        subtest "$kind: one user's logins" => \&others_go_on, $store;
        subtest "$kind: sixteen sessions" => \&sixteen_live;
        subtest "$kind: writes" => \&writes_little, $store if $store;
        is_deeply [ $server->log->crashes ], [], 'nobody died';
        $server->stop;
        $store->stop if $store;
    }
}

# --- one account of an Active Directory, however it is spelled ----------------

SKIP: {
    my $why = $missing{shmcb} || NegTest::AD->missing;
    skip $why, 1 if $why;
    subtest 'spellings of an account' => sub {
        my $ad = NegTest::AD->start(dir => stage_dir() . '/ad-bound');
        $ad->give_keytab(keytab('ad-bound'));
        undef $http;
        $server = server(env => { $ad->env }, conf => conf('shmcb') =~ s{\@keytab\@}{\@stage\@/keytab/ad-bound.keytab}r)->start;
        my (%spelled, @cookies);
        for my $form (map({ [$_] } qw(alice ALICE Alice aLICE)), [ 'alice@ad.example.test', enterprise => 1 ], [ 'alice@AD', enterprise => 1 ]) {
            for (1 .. 4) {
                my ($user, %kinit) = @$form;
                my $r = get('/a/plain.txt', Authorization => $ad->initiator($user, kinit => {%kinit})->authorization);
                is $r->status, 200, "@$form" if $_ == 1;
                push @cookies, pair_of($r) if pair_of($r) ne '';
                $spelled{ get('/a/env.pl', Cookie => pair_of($r))->env->{REMOTE_USER} }++ if pair_of($r) ne '';
            }
        }
        cmp_ok scalar keys %spelled, '>=', 3, 'one account has many names';
        is scalar @cookies, MOST, '... and sixteen sessions';
        ok !(grep { defined } get('/a/env.pl', Cookie => $cookies[0])->env->{NEGOTIATE_SID}), '... whose SID no application is told that did not ask';
        $server->stop;
    };
}

done_testing;
