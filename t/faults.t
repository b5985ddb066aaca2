# What breaks around the server, while it is used: the right answer, one clear line, nothing lost,
# and all is well again when it is repaired. (What breaks between requests is in t/explain.t, ccaches
# that cannot be stored in t/delegate.t.)

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Fcntl qw(F_SETLKW F_WRLCK);
use NegTest;
use NegTest::Httpd qw(httpd_user mpm);
use NegTest::KDC;
use NegTest::Keytab qw(read_keytab write_keytab);
use NegTest::Spnego qw(neg_token_init neg_token_resp KRB5);
use NegTest::Stage;
use Time::HiRes qw(sleep time);

use constant {
    CLIENTS => 4,
    REST    => 2.2,    # seconds: see src/gss/keyring.c
};

plan tests => 14;

my $root = $> == 0;
my $under_sanitizer = $ENV{NEG_SANITIZE_PRELOAD} ? 1 : 0;
my $dir  = stage_dir() . '/faults';
for ('', '/ccaches', '/rcache') {
    mkdir $dir . $_;
    NegTest::Stage->give_to_httpd($dir . $_, 0700);
}
chmod 0711, $dir;

my $host   = 'faults.example.test';
my $target = "HTTP\@$host";
my $keytab = keytab('faults');
kdc()->add_principal("HTTP/$host");
kdc()->add_to_keytab($keytab, "HTTP/$host");
my @keys = read_keytab($keytab);
write_keytab($keytab, @keys);

# The ticket is fetched once: afterwards no KDC is asked.
my $ccache = ccache('alice');
kdc()->kvno($ccache, "HTTP/$host");

my $conf = <<"CONF";
PassEnv KRB5_CONFIG
ScriptAliasMatch "env\\.pl\$" "\@stage\@/cgi-bin/env.pl"
ErrorDocument 500 "trouble"
AuthNegotiateKeytab $keytab
<LocationMatch "^/(?:x|persist|local)/">
    AuthType Negotiate
    AuthName test
    Require valid-user
</LocationMatch>
<Location /persist>
    AuthNegotiatePersist On
    AuthNegotiateDelegate FILE:$dir/ccaches
</Location>
<Location /local>
    AuthNegotiateUser local
</Location>
AliasMatch "^/(?:x|persist|local)/plain.txt\$" "\@documentroot\@/plain.txt"
<IfModule event.c>
    ThreadsPerChild 10
    MinSpareThreads 20
    MaxSpareThreads 40
    MaxRequestWorkers 40
</IfModule>
CONF
my $page = '/x/plain.txt';

# --- helpers -----------------------------------------------------------------

sub token {
    my (%opt) = @_;
    return NegTest::Initiator->new(ccache => $ccache, target => $target, %opt)->authorization;
}

sub status_of {
    my ($on, $path, @headers) = @_;
    return http(port => $on->port)->get($path, @headers)->status;
}

sub accepted {
    my ($name, $on, %opt) = @_;
    return is status_of($on, $page, Authorization => token(%opt)), 200, $name;
}

# A client that goes on until the stop file is there: half of its requests on new connections. A
# request on a kept connection that ends without an answer is sent again on a new one, as RFC 9112
# section 9.3.1 has it; one on a new connection that gets none is lost.
sub use_until {
    my ($on, $stop) = @_;
    my (%seen, $http);
    my $kept = 0;
    until (-e $stop) {
        my $r = eval {
            $http ||= http(port => $on->port, timeout => 10);
            $http->get($page, Authorization => token(mech => rand() < 0.5 ? 'spnego' : 'krb5'));
        };
        if ($r) { $seen{ $r->status }++ }
        else    { $seen{ $kept ? 'again' : 'lost' }++ }
        $kept = $r && lc($r->header('Connection') || '') ne 'close' && rand() < 0.5;
        undef $http if !$kept;
    }
    return \%seen;
}

# The fault is done while clients are at work; what they saw, summed up.
my $loads = 0;

sub under_load {
    my ($on, $fault) = @_;
    my $stop = "$dir/stop-" . ++$loads;
    my @answers = in_parallel(1 + CLIENTS, sub {
        my ($i) = @_;
        srand $i;
        return use_until($on, $stop) if $i;
        my $result = eval { sleep 0.3; $fault->(); sleep 0.3; 1 };
        open my $out, '>', $stop or die "$stop: $!";
        return { $result ? () : ("fault: $@" => 1) };
    });
    my %sum;
    for my $answer (@answers) { $sum{$_} += $answer->{$_} for keys %$answer }
    return \%sum;
}

sub other_than {
    my ($seen, @allowed) = @_;
    my %allowed = map { $_ => 1 } @allowed;
    return { map { $_ => $seen->{$_} } grep { !$allowed{$_} } keys %$seen };
}

sub summary { my ($seen) = @_; return join ', ', map { "$seen->{$_} times $_" } sort keys %$seen }

# As krb5 locks: by fcntl(), with Linux' struct flock of 64 bits.
sub lock_whole {
    my ($file) = @_;
    my $whole = pack 's s x4 q q l x4', F_WRLCK, 0, 0, 0, 0;
    fcntl $file, F_SETLKW, $whole or die "lock: $!";
}

sub in_locks {
    my ($pattern) = @_;
    open my $in, '<', '/proc/locks' or die "/proc/locks: $!";
    return scalar grep { $_ =~ $pattern } <$in>;
}

# --- no KDC ------------------------------------------------------------------

subtest 'the KDC is gone' => sub {
    my $own = NegTest::KDC->start(dir => "$dir/kdc");
    $own->add_principal('alice', password => 'alice');
    $own->add_principal("HTTP/$host");
    my $other = keytab('faults-kdc');
    $own->add_to_keytab($other, "HTTP/$host");
    NegTest::Stage->give_to_httpd($other, 0600);
    my $ticket = $own->kinit('alice');
    $own->kvno($ticket, "HTTP/$host");
    $own->stop;

    my %client = (ccache => $ticket, krb5_conf => $own->krb5_conf);
    my $server = server(conf => $conf =~ s/\Q$keytab\E/$other/r, env => { KRB5_CONFIG => $own->krb5_conf })->start;
    my $began = time;
    accepted("$_: a ticket in hand", $server, %client, mech => $_) for qw(spnego krb5);
    is status_of($server, '/local/plain.txt', Authorization => token(%client)), 200, 'a local name';
    my $http = http(port => $server->port);
    is $http->get('/persist/plain.txt', Authorization => token(%client))->status, 200, 'a kept identity';
    is $http->get('/persist/plain.txt')->status, 200, '... is kept';
    is status_of($server, $page, Authorization => negotiate('junk')), 401, 'junk is refused';
    cmp_ok time - $began, '<', 5, '... and nobody waited for the KDC';
    ok $server->restart, 'a restart';
    accepted('... and a ticket in hand', $server, %client);
    $server->stop;
};

my $server = server(conf => $conf, env => { KRB5RCACHEDIR => "$dir/rcache" })->start;

# --- the keytab under load ---------------------------------------------------

subtest 'keytabs come and go while tickets come in' => sub {
    my $seen = under_load($server, sub {
        for (1 .. 40) {
            write_keytab($keytab, reverse @keys);
            sleep 0.01;
            write_keytab($keytab, @keys, map { { %$_, kvno => 7 } } @keys);
            sleep 0.01;
        }
    });
    is_deeply other_than($seen, 200), {}, 'replaced 80 times at once: nobody notices: ' . summary($seen);

    write_keytab($keytab, @keys);
    $server->log->mark;
    my $size = -s $keytab;
    $seen = under_load($server, sub {
        for my $length (0, 2, 40, $size / 2, $size - 1) {
            truncate $keytab, $length or die $!;
            sleep 0.1;
            write_keytab($keytab, @keys);
            sleep 0.1;
        }
        chown 0, 0, $keytab if $root;
        chmod $root ? 0600 : 0, $keytab;
        sleep 0.1;
        unlink $keytab;
        sleep 0.1;
        write_keytab($keytab, @keys);
    });
    is_deeply other_than($seen, 200, 500, 'lost'), { map { $_ => $seen->{$_} } grep { $seen->{$_} } 401 },
      'truncated, unreadable, deleted: ' . summary($seen);
    ok $seen->{200} && $seen->{500}, '... some were let in, some had a 500';
    is $seen->{lost} || 0, 0, '... nobody was left without an answer';
    is_deeply [ grep { !/\((?:keytab|enctype|kvno|no-key|wrong-key)\).* keytab / } $server->log->ours(qr/refused/) ], [],
      '... the log names the keytab';    # half a key is a wrong one: 401
    accepted('... and all is well again', $server);
};

# --- restarts under load -----------------------------------------------------

subtest 'graceful restarts under load' => sub {
    my $seen = under_load($server, sub {
        for (1 .. 5) { $server->restart(graceful => 1) or die "no restart\n"; sleep 0.4 }
    });
    is_deeply other_than($seen, 200, 'again'), {}, 'five: no request failed: ' . summary($seen);
    is_deeply [ $server->log->crashes ], [], '... nobody died';

    my $http = http(port => $server->port);
    my $krb5 = NegTest::Initiator->new(ccache => $ccache, target => $target, mech => 'krb5');
    is $http->get($page, Authorization => negotiate(neg_token_init(mechs => [KRB5])))->status, 401, 'a half-open context';
    ok $server->restart(graceful => 1), '... and a restart';
    my $second = negotiate(neg_token_resp(token => $krb5->step));
    my $r = eval { $http->get($page, Authorization => $second) };
    ok !$r || $r->status == 200, '... its connection has ended, or it can be completed';
    $r = http(port => $server->port)->get($page, Authorization => $second);
    is $r->status, 401, '... on another connection it cannot';
    accepted('... and the client begins anew', $server);
};

# krb5 takes it for a failure when a signal interrupts its wait for the replay cache's lock, and
# prefork tells its children of a graceful restart by a signal.
subtest 'a graceful restart while the replay cache is waited for' => sub {
    accepted('the replay cache is there', $server);
    my ($rcache) = glob "$dir/rcache/*";
    my $inode   = (stat $rcache)[1];
    my $locked  = sub { in_locks(qr/:$inode /) };
    my $waiting = sub { in_locks(qr/-> .*:$inode /) };
    my ($status, $restarted) = in_parallel(2, sub {
        my ($restarts) = @_;
        return wait_until($locked, 5) && status_of($server, $page, Authorization => token()) if !$restarts;
        open my $file, '+<', $rcache or die "$rcache: $!";
        lock_whole($file);
        wait_until($waiting, 5) or return 'no request waits';
        return $server->restart(graceful => 1) && sleep(0.2) ? 'while it waits' : 'no';    # its end unlocks
    });
    is $restarted, 'while it waits', 'a restart while a request waits for the lock';
    is $status, 200, '... and is answered as if nothing had been';
};

# --- children that are killed ------------------------------------------------

sub ccaches { return map { s{.*/}{}r } glob "$dir/ccaches/*" }

subtest 'a child is killed' => sub {
    $server->log->mark;
    my $seen = under_load($server, sub { kill KILL => ($server->children)[0]; sleep 1 });
    my $cut  = ($seen->{lost} || 0) + ($seen->{again} || 0);
    is_deeply other_than($seen, 200, 'again', 'lost'), {}, 'under load: ' . summary($seen);
    cmp_ok $cut, '<=', CLIENTS, '... at most one request of each client was cut';
    accepted('... and the others go on', $server);

    my @held;
    my $hold = sub {
        push @held, http(port => $server->port);
        $held[-1]->get('/persist/plain.txt', Authorization => token(delegate => 1));
    };
    $hold->() for 1 .. 12;
    my %of;    # pid => its ccaches
    for (ccaches()) { push @{ $of{$1} }, $_ if /^krb5cc_negotiate_(\d+)_\w{6}$/ }
    is scalar(map { @$_ } values %of), 12, 'twelve ccaches of connections, each named after its child';
    my ($pid) = sort { @{ $of{$b} } <=> @{ $of{$a} } || $a <=> $b } keys %of;
    my %lost = map { $_ => 1 } @{ delete $of{$pid} };
    kill KILL => $pid;
    # The next child to start removes them; prefork starts one when it is needed.
    ok wait_until(sub { $hold->() if mpm() eq 'prefork' && @held < 30; !grep { $lost{$_} } ccaches() }, 10),
      '... a killed child\'s are removed by the next one';
    my %there = map { $_ => 1 } ccaches();
    is_deeply [ grep { !$there{$_} } map { @$_ } values %of ], [], '... and no others';
    ok scalar $server->log->wait_for(qr/auth_negotiate:notice.* \d+ delegated tickets of children that were killed are removed/),
      '... and the log says so';
    ok !grep({ !eval { $_->get('/persist/plain.txt')->status == 200 } } grep { !$_->closed(0) } @held),
      '... who was not on it is still known';

    open my $foreign, '>', "$dir/ccaches/$_" for "krb5cc_negotiate_$pid", "krb5cc_${pid}_aaaaaa", 'mine';
    @held = ();
    $server->stop;
    is_deeply [ sort(ccaches()) ], [ "krb5cc_${pid}_aaaaaa", "krb5cc_negotiate_$pid", 'mine' ],
      'what is not of that name is nobody\'s to remove';
    $server->start;
};

# Processes of a container have the same few numbers each time.
SKIP: {
    skip 'unshare(1) makes no process namespace here', 1 if !$root || !run([qw(unshare -p -f true)])->{ok};
    skip 'a leak checker cannot be process 1', 1 if $under_sanitizer;
    subtest 'a container is killed, and started again' => sub {
        my $container = server(conf => $conf, under => [qw(unshare -p -f)])->start;
        unlink map { "$dir/ccaches/$_" } ccaches();
        my $http = http(port => $container->port);
        is $http->get('/persist/plain.txt', Authorization => token(delegate => 1))->status, 200, 'a ticket';
        my @lost = ccaches();
        like "@lost", qr/^krb5cc_negotiate_1_\w{6}$/, '... of process 1';
        kill KILL => $container->children;    # unshare(1) only waits for it
        ok wait_until(sub { !$container->running }, 10), '... that is killed';
        is_deeply [ccaches()], \@lost, '... and leaves it';
        $container->start;
        ok wait_until(sub { !ccaches() }, 10), 'the next process 1 removes it';
        kill KILL => $container->children;
        wait_until(sub { !$container->running }, 10);
    };
}

# --- the replay cache --------------------------------------------------------

SKIP: {
    skip 'only root can make a full file system', 1
      if !$root || !run([ qw(mount -t tmpfs -o), 'size=8k,mode=777', 'tmpfs', "$dir/rcache" ])->{ok};
    subtest 'the file system of the replay cache is full' => sub {
        open my $ballast, '>', "$dir/rcache/ballast" or die $!;
        print $ballast 'x' x 16_384;
        close $ballast;
        $server->log->mark;
        is status_of($server, $page, Authorization => token(mech => $_)), 500, "$_: 500" for qw(spnego krb5);
        my @said = $server->log->ours(qr/refused/);
        is scalar @said, 2, '... a line for each';
        like $said[0], qr/refused \(internal\).*replay cache/, '... which names it' or diag @said;
        unlink "$dir/rcache/ballast";
        accepted('... and with room again it works', $server);
        run([ 'umount', '-l', "$dir/rcache" ]);
    };
}
$server->stop;

# --- the clock, and memory ---------------------------------------------------

my $control = "$dir/control";

sub control {
    my (%now) = @_;
    open my $out, -e $control ? '+<' : '>', $control or die "$control: $!";
    syswrite $out, pack 'q L x28', $now{clock} || 0, $now{fail_every} || 0;
    return;
}

sub counted {
    my ($format) = @_;
    open my $in, '<:raw', $control or die "$control: $!";
    read $in, my $bytes, 40;
    return unpack $format, $bytes;
}

sub failed_allocations { return counted('x16 L') }
sub lookups            { return counted('x32 Q') }

sub faulty_server {
    my ($more, %env) = @_;
    control();
    my $preload = join ':', grep { $_ } $ENV{NEG_SANITIZE_PRELOAD}, $ENV{NEG_FAULTS};
    return server(conf => $conf . ($more || ''), env => { LD_PRELOAD => $preload, NEG_CONTROL => $control, %env })->start;
}

SKIP: {
    skip 'build/t/preload.so is not built: make check-httpd does', 3 if !-e $ENV{NEG_FAULTS};

    subtest 'the server\'s clock is stepped' => sub {
        my $stepped = faulty_server("KeepAliveTimeout 1000000\n");    # httpd's own timeouts go by the clock, too
        my $http    = http(port => $stepped->port);
        my $used    = token();
        accepted('before', $stepped);
        is $http->get('/persist/plain.txt', Authorization => $used)->status, 200, 'a kept identity';
        is $http->get('/persist/plain.txt')->status, 200, '... is kept';
        for my $case ([ 3600, qr/skew\).*60 minutes behind/ ], [ -3600, qr/not-yet-valid\).*clock is behind/ ]) {
            my ($clock, $what) = @$case;
            control(clock => $clock);
            $stepped->log->mark;
            is status_of($stepped, $page, Authorization => token()), 401, "$clock seconds: 401";
            my @said = $stepped->log->wait_for(qr/refused/);
            is scalar @said, 1, '... one line';
            like $said[0], qr/auth_negotiate:warn\].*refused \($what.*NTP/, '... that says so';
        }
        control();
        accepted('the clock is right again', $stepped);
        is status_of($stepped, $page, Authorization => $used), 401, '... and a token that was used stays used';
        is $http->get('/persist/plain.txt')->status, 200, 'the identity lives on';
        control(clock => 48 * 3600);
        is $http->get('/persist/plain.txt')->status, 401, '... until its ticket has ended';
        control();
        is $http->get('/persist/plain.txt')->status, 401, '... for good';
        $stepped->stop;
    };

  SKIP: {
        skip 'the sanitizer has an allocator of its own', 2 if $under_sanitizer;
        my $small = "<IfModule event.c>\nStartServers 1\nThreadsPerChild 3\nMinSpareThreads 1\nMaxRequestWorkers 3\n</IfModule>\n"
          . "<IfModule prefork.c>\nStartServers 1\nMinSpareServers 1\nMaxSpareServers 1\nMaxRequestWorkers 1\n</IfModule>\n";

        # What is set up once for a process is so before it has children.
        subtest 'a child begins while there is no memory for krb5' => sub {
            my $poor = faulty_server($small);
            accepted('before', $poor);
            control(fail_every => 1);
            kill KILL => $poor->children;
            my $answer = sub { my $r = eval { http(port => $poor->port)->get($page, Authorization => token()) }; $r ? $r->status : 0 };
            ok wait_until(sub { $answer->() == 500 }, 20), 'a new child says that it cannot';
            $answer->() for 1 .. 12;
            cmp_ok failed_allocations(), '>', 0, '... having tried';
            control();
            accepted("$_: with memory again all is well", $poor, mech => $_) for qw(spnego krb5) x 4;
            $poor->stop;
        };

        subtest 'krb5 gets no memory' => sub {
            # What each thread sets up at its first token is not touched: there libkrb5 1.20 may end
            # its process itself (profile_get_values), and libgssapi looks into a list of mechanisms
            # that it has not got. So each has had one, with a keytab that has come to rest.
            sleep REST;
            my $poor     = faulty_server($small);
            my @children = $poor->children;
            in_parallel(6, sub { status_of($poor, $page, Authorization => token()) for 1 .. 12 });
            my %seen;
            for my $round (1 .. 600) {
                my $token = token(mech => $round % 2 ? 'spnego' : 'krb5', delegate => $round % 3 == 0);
                control(fail_every => (7, 25, 60, 150)[ $round % 4 ]) if $round % 10 == 1;
                my $r = eval { http(port => $poor->port)->get($round % 5 ? $page : '/persist/plain.txt', Authorization => $token) };
                $seen{ $r ? $r->status : 'lost' }++;
                }
            my $failed = failed_allocations();
            control();
            is_deeply other_than(\%seen, 200, 401, 500), {}, 'one of 7 to 150 allocations fails: ' . summary(\%seen);
            cmp_ok $failed, '>', 0, "... $failed of the last ones failed";
            is_deeply [ grep { !kill 0, $_ } @children ], [], '... no child died';
            is_deeply [ $poor->log->crashes ], [], '... nor complained';
            accepted("$_: with memory again all is well", $poor, mech => $_) for qw(spnego krb5) x 5;
            $poor->stop;
            is_deeply [ glob "$dir/ccaches/krb5cc_negotiate_*_*" ], [], '... and no ccache is left';
        };
    }
}

# --- the DNS -----------------------------------------------------------------

# By default krb5 looks up the canonical name of a host; a client may name one whose name server is
# its own, and takes its time.
SKIP: {
    skip 'build/t/preload.so is not built: make check-httpd does', 1 if !-e $ENV{NEG_FAULTS};
    subtest 'a Host header that nobody has a key for' => sub {
        my $curious = faulty_server(
            qq(UseCanonicalName Off\n<Location /x>\nAuthNegotiateAcceptor "HTTP@%{SERVER_NAME}"\n</Location>\n),
            KRB5_CONFIG => kdc()->write_krb5_conf("$dir/dns.conf", dns_canonicalize_hostname => 'true'),
        );
        control();
        is status_of($curious, $page, Host => 'slow.example.test', Authorization => $_), 401, 'is refused'
          for token(), negotiate(neg_token_init(mechs => [KRB5]));
        like join('', $curious->log->ours(qr/refused/)), qr/no key in the keytab .*HTTP\@slow\.example\.test/, '... says why';
        is lookups(), 0, '... and is not looked up';
        status_of($curious, $page, Host => $host, Authorization => token());
        cmp_ok lookups(), '>', 0, 'our own is';
        $curious->stop;
    };
}

# --- slow clients ------------------------------------------------------------

$server = server(conf => "KeepAliveTimeout 120\nLimitRequestFieldSize 65536\n$conf" =~ s/ThreadsPerChild 10/ThreadsPerChild 10\n    AsyncRequestWorkerFactor 1000/r)->start;

subtest 'a token in many pieces' => sub {
    for my $case ([ 1, 0.0005 ], [ 50, 0.02 ]) {
        my ($piece, $pause) = @$case;
        my $http = http(port => $server->port);
        $http->send_raw($http->format_request(GET => $page, [ Authorization => token() ]), piece => $piece, pause => $pause);
        is $http->read_response->status, 200, "$piece bytes at a time";
        $http->send_raw($http->format_request(GET => $page, [ Authorization => token() ])
              . $http->format_request(GET => $page)
              . $http->format_request(GET => $page, [ Authorization => negotiate('junk') ])
              . $http->format_request(GET => $page, [ Authorization => token() ]), piece => 40 * $piece, pause => $pause);
        is join(' ', map { $http->read_response->status } 1 .. 4), '200 401 401 200', '... and four requests in one go';
    }
};

# --- half-open exchanges -----------------------------------------------------

# One costs about what its connection costs, each connection can have one, and a child holds a
# thousand: with more children than one, so many at least.
SKIP: {
    skip 'prefork holds a process for each connection', 2 if mpm() eq 'prefork';
    my $many = 800;
    subtest "$many half-open exchanges" => sub {
        my $offer = negotiate(neg_token_init(mechs => [KRB5]));
        my $open = sub {
            my ($count, @headers) = @_;
            my $answered = 0;
            my @open = map { my $http = http(port => $server->port); $http->get($page, @headers)->status == 401 && $answered++; $http } 1 .. $count;
            return ($answered, @open);
        };
        my (undef, @warm) = $open->($many / 2);
        @warm = ();
        my $none = $server->memory;
        my ($idle, @idle) = $open->($many);
        my $plain = $server->memory - $none;
        @idle = ();
        $open->($many / 2, Authorization => $offer);
        sleep 0.5;
        my $before = $server->memory;
        my ($answered, @half) = $open->($many, Authorization => $offer);
        my $grown = $server->memory - $before;
        is $answered, $many, 'all are answered';
        my $krb5 = NegTest::Initiator->new(ccache => $ccache, target => $target, mech => 'krb5');
        is $half[ $many / 2 ]->get($page, Authorization => negotiate(neg_token_resp(token => $krb5->step)))->status, 200,
          '... any of them can be completed';
        accepted('... and others are served meanwhile', $server);
        diag sprintf '%d idle connections: %d kB; half-open ones: %d kB more (%.1f kB each)', $many, $plain, $grown, $grown / $many;
      SKIP: {
            skip 'the sanitizer needs memory of its own', 1 if $under_sanitizer;
            cmp_ok $grown / $many, '<', 64, '... in less than 64 kB each, the connection with them';
        }
        @half = ();
        accepted('... and given up', $server);
        is_deeply [ $server->log->crashes ], [], '... and nobody died';
    };
    sleep 2;    # the event MPM may crash when it is stopped while it closes many connections
    $server->stop;

    # Connections of a thousand more, in one child: the rest of it is used as before.
    $many = $ENV{NEG_SLOW} ? 10_000 : 1_050;
    subtest "$many half-open exchanges in one child" => sub {
        my $one = server(conf => "KeepAliveTimeout 120\nMaxKeepAliveRequests 0\nCustomLog \"\@dir\@/access\" %s\n$conf" =~
              s{<IfModule event.c>.*}{<IfModule event.c>
                StartServers 1\nServerLimit 1\nThreadsPerChild 10\nMaxRequestWorkers 10\nAsyncRequestWorkerFactor 2000
                </IfModule>\n}sr)->start;
        my ($idle) = map { $_->get('/persist/plain.txt', Authorization => token()); $_ } http(port => $one->port);
        my $offer = negotiate(neg_token_init(mechs => [KRB5]));
        my $begin = sub { my $http = http(port => $one->port); my $r = $http->get($page, Authorization => $offer); return ($http, $r) };
        my (@half, %seen, $refused);
        for (1 .. $many) {
            my ($http, $r) = $begin->();
            $seen{ $r->status }++;
            push @half, $http;
            $refused = $r if $r->status == 503;
        }
        is_deeply \%seen, { 401 => 1000, 503 => $many - 1000 }, 'a thousand are held, the others have a 503';
        is_deeply [ $refused->challenges ], [], '... without a challenge';
        my @told = grep { /auth_negotiate:error/ } $one->log->wait_for(qr/refused \(busy\)/);
        is scalar @told, 1, '... told once';
        like $told[0], qr/\(busy\).*unfinished exchanges.*keep such clients out/, '... with what to do';
        accepted("one leg, $_, goes on", $one, mech => $_) for qw(spnego krb5);
        is $idle->get('/persist/plain.txt')->status, 200, 'a kept identity is kept';
        my $two_legs = sub {
            my ($http) = @_;
            my $krb5 = NegTest::Initiator->new(ccache => $ccache, target => $target, mech => 'krb5');
            return $http->get($page, Authorization => negotiate(neg_token_resp(token => $krb5->step)))->status;
        };
        is +($begin->())[1]->status, 503, 'still full';
        is $two_legs->($half[0]), 200, 'an exchange is completed';
        my ($http, $r) = $begin->();
        is $r->status, 401, '... and leaves room for one';
        is +($begin->())[1]->status, 503, '... and no more';
        is $half[1]->get($page, Authorization => negotiate('junk'))->status, 401, 'one is broken off';
        is +($begin->())[1]->status, 401, '... the same';
        is $half[2]->get($page, Authorization => $offer)->status, 401, 'one is begun anew on its connection: it counts once';
        $half[3]->close;
        ok wait_until(sub { ($begin->())[1]->status == 401 }, 10), 'a connection ends: the same';
        is $two_legs->($http), 200, 'and who is in goes on';
        @half = ();
        ok wait_until(sub { ($begin->())[1]->status == 401 }, 10), 'all connections end: there is room';
        is_deeply [ $one->log->crashes ], [], '... and nobody died';
        sleep 2;
        $one->stop;
        is_deeply [ $one->log->crashes ], [], '... nor at the end';
    };
}

