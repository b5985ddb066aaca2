# Several clients on one connection: what shows it ends what the connection keeps, for good. First with
# requests of the test's own, then behind real proxies that leave no trace.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use NegTest;
use MIME::Base64 'encode_base64';
use NegTest::Ports 'free_port';
use NegTest::Process;
use NegTest::NTLM qw(ntlm_negotiate ntlm_authenticate read_challenge);

# In the suite a few; with NEG_REQUESTS=1000 the table of docs/proxies.md can be measured again.
use constant { REQUESTS => $ENV{NEG_REQUESTS} || 100, QUIET => 0.3 };

my ($ALICE, $BOB) = map { "$_\@EXAMPLE.TEST" } qw(alice bob);
my @users = qw(alice bob carol);
kdc()->add_principal('carol', password => 'carol');
ccache($_) for @users;

my $ntlm_users = stage_dir() . "/shared-users.$$";
put($ntlm_users, "AD:ntuser:ntpass\n");
my $passwords = stage_dir() . "/shared-passwords.$$";
put($passwords, map { chomp; "$_\n" } map { run([ 'openssl', 'passwd', '-apr1', $_ ])->{output} =~ s/^/$_:/r } qw(alice zoe));
chmod 0644, $passwords;

sub put {
    my ($file, @text) = @_;
    open my $out, '>', $file or die "$file: $!\n";
    print $out @text;
    close $out;
    return $file;
}

my $conf = <<'CONF' =~ s/PASSWORDS/$passwords/r;
    KeepAliveTimeout 30
    ScriptAliasMatch "^/[^/]+/env\.pl" "@stage@/cgi-bin/env.pl"
    AliasMatch "^/[^/]+/plain\.txt" "@stage@/htdocs/plain.txt"
    Header always set X-Port "expr=%{REMOTE_PORT}"
    Header set X-User "expr=%{REMOTE_USER}"
    AuthNegotiateKeytab "@keytab@"
    <LocationMatch "^/">
        AuthType Negotiate
        AuthName "one"
        Require valid-user
        AuthNegotiateRequireTLS Off
    </LocationMatch>
    <LocationMatch "^/(?:a|b|bob-only|session|twice|s4u|file|password|mechs)/">
        AuthNegotiatePersist On
    </LocationMatch>
    <Location "/b">
        AuthName "two"
    </Location>
    <Location "/bob-only">
        Require user bob@EXAMPLE.TEST
    </Location>
    <LocationMatch "^/(?:session|session-off)/">
        AuthNegotiateSession On
        AuthNegotiateSessionCookie session Path=/
    </LocationMatch>
    <Location "/password">
        AuthNegotiateBasicProvider kerberos
    </Location>
    <Location "/file">
        AuthNegotiateBasicProvider file
        AuthUserFile "PASSWORDS"
    </Location>
    <Location "/plain-basic">
        AuthType Basic
        AuthBasicProvider kerberos
    </Location>
CONF
my $ntlm = <<'CONF';
    <Location "/mechs">
        AuthNegotiateMechs krb5 ntlmssp
    </Location>
CONF
my $server = server(conf => $conf . $ntlm, env => { NTLM_USER_FILE => $ntlm_users });
my $has_ntlm = $server->check->{output} !~ /no such mechanism/;
$server->configure($conf) if !$has_ntlm;
$server->start;
my $log = $server->log;

sub connection { return http(port => $server->port, @_) }
sub token      { my ($who, %opt) = @_; return (Authorization => initiator($who, %opt)->authorization) }
sub password   { my ($text) = @_; return (Authorization => 'Basic ' . encode_base64($text, '')) }
sub env_of     { my ($name) = @_; return "/$name/env.pl" }

sub user {
    my ($r) = @_;
    return !$r ? 'nothing' : $r->status == 200 ? $r->env->{REMOTE_USER} || '(none)' : $r->status;
}

# A connection that keeps alice.
sub kept {
    my (@headers) = @_;
    my $http = connection();
    my $r = $http->get(env_of('a'), token('alice'), @headers);
    is_deeply [ user($r), $r->header('Persistent-Auth'), user($http->get(env_of('a'), @headers)) ], [ $ALICE, 'true', $ALICE ],
      'a connection keeps alice';
    $log->mark;
    return $http;
}

# Nobody is kept on it, and never will be.
sub ended_ok {
    my ($http, $what, @headers) = @_;
    is user($http->get(env_of('a'), @headers)), 401, "$what: the next without a token is asked";
    for my $who (qw(alice bob)) {
        my $r = $http->get(env_of('a'), token($who), @headers);
        is_deeply [ user($r), $r->header('Persistent-Auth') ], ["$who\@EXAMPLE.TEST"], "... $who enters by a token, and is not told that it lasts";
        is user($http->get(env_of('a'), @headers)), 401, '... nor does it';
    }
    return;
}

sub ntlm_login {
    my ($http) = @_;
    my $challenge = read_challenge($http->get(env_of('mechs'), Authorization => negotiate(ntlm_negotiate()))->token);
    return $http->get(env_of('mechs'),
        Authorization => negotiate(ntlm_authenticate($challenge, domain => 'AD', user => 'ntuser')));
}

sub said { return $log->wait_for(qr/\(shared\)/, QUIET), () }

# --- a second person ------------------------------------------------------------

# How bob, or somebody else, is proven on alice's connection.
my %second = (
    'a token'                            => [ sub { $_[0]->get(env_of('a'), token('bob')) }, $BOB ],
    'a token where Persist is Off'       => [ sub { $_[0]->get(env_of('off'), token('bob')) }, $BOB ],
    'a token of another AuthName'        => [ sub { $_[0]->get(env_of('b'), token('bob')) }, $BOB ],
    'a token in two legs'                => [ sub { initiator('bob', dce => 1)->fetch($_[0], env_of('a')) }, $BOB ],
    'a bare token of Kerberos'           => [ sub { $_[0]->get(env_of('a'), token('bob', mech => 'krb5')) }, $BOB ],
    'a token that may not enter'         => [ sub { $_[0]->get(env_of('bob-only'), token('carol')) }, 403 ],
    'a password that the KDC knows'      => [ sub { $_[0]->get(env_of('password'), password('bob:bob')) }, $BOB ],
    'a password of a file'               => [ sub { $_[0]->get(env_of('file'), password('zoe:zoe')) }, 'zoe' ],
    'a password of a file, of like name' => [ sub { $_[0]->get(env_of('file'), password('alice:alice')) }, 'alice' ],
    'NTLM'                               => [ $has_ntlm ? \&ntlm_login : undef, 'AD\ntuser' ],
    'the cookie of a session'            => [ sub { $_[0]->get(env_of('session'), Cookie => session_of('bob')) }, $BOB ],
);

sub session_of {
    my ($who) = @_;
    my ($pair) = connection()->get(env_of('session'), token($who))->header('Set-Cookie') =~ /^([^;]+)/;
    return $pair;
}

for my $how (sort keys %second) {
    subtest "a second person: $how" => sub {
        my ($come, $expect) = @{ $second{$how} };
        plan skip_all => 'gss-ntlmssp is not installed' if !$come;
        my $http = kept();
        is user($come->($http)), $expect, "$how of another";
        ended_ok($http, $how);
    };
}

# The first one need not have been kept.
subtest 'a second person where nobody was kept' => sub {
    my $http = connection();
    is user($http->get(env_of('off'), token('alice'))), $ALICE, 'alice, where Persist is Off';
    is user($http->get(env_of('a'), token('bob'))), $BOB, 'bob, where it is On';
    ended_ok($http, 'bob');
};

subtest 'the first person again is no second one' => sub {
    my $http = kept();
    for my $name (qw(a b off password)) {
        is user($http->get(env_of($name), $name eq 'password' ? password('alice:alice') : token('alice'))), $ALICE, "alice at /$name";
    }
    is user($http->get(env_of('a'), token('alice'))), $ALICE, '... and again';
    is user($http->get(env_of('a'))), $ALICE, '... is kept';
    is $http->get(env_of('bob-only'), token('alice'))->status, 403, 'alice, where she may not enter';
    is user($http->get(env_of('a'), token('alice'))), $ALICE, '... and elsewhere';
    is user($http->get(env_of('a'))), $ALICE, '... is kept';
    is_deeply [ said() ], [], 'the log says nothing of it';
};

subtest 'who was not proven is no second one' => sub {
    my $http = kept();
    is $http->get(env_of('password'), password('bob:wrong'))->status, 401, 'a wrong password of bob';
    is $http->get(env_of('a'), Authorization => negotiate('junk'))->status, 401, 'junk';
    is user($http->get(env_of('a'))), 401, '... ends what was kept';
    is user($http->get(env_of('a'), token('alice'))), $ALICE, '... but alice can come';
    is user($http->get(env_of('a'))), $ALICE, '... and is kept';
    is_deeply [ said() ], [], 'the log says nothing of it';
};

subtest 'a session and a connection of one request' => sub {
    my $http = connection();
    is user($http->get(env_of('session'), token('alice'))), $ALICE, 'a connection keeps alice';
    my $r = $http->get(env_of('session'), Cookie => session_of('alice'));
    is_deeply [ user($r), $r->env->{NEGOTIATE_SOURCE} ], [ $ALICE, 'session' ], "a session's cookie is asked before the connection";
    is user($http->get(env_of('session'), Cookie => session_of('alice') . 'x')), $ALICE, '... and one that is not good is none';
    is $http->get(env_of('session'), Cookie => session_of('bob'))->env->{REMOTE_USER}, $BOB, 'the cookie of bob is bob, not alice';
    is user($http->get(env_of('session'))), 401, '... and alice is forgotten';
};

subtest 'one line' => sub {
    my $http = kept();
    $http->get(env_of('a'), token($_)) for qw(bob alice bob);
    my @said = said();
    is scalar @said, 1, 'one line for the connection';
    my $own = server(conf => $conf)->start;
    my $own_log = $own->log;
    my @http = map { http(port => $own->port) } 1 .. 3;
    for my $http (@http) { $http->get(env_of('a'), token($_)) for qw(alice bob alice) }
    @said = $own_log->wait_for(qr/\(shared\)/);
    is scalar @said, scalar(@{ [ $own->children ] }) < 2 ? 1 : scalar(@said), '... for all at most one a child and minute';
    like $said[0], qr/\[auth_negotiate:warn\]/, '... a warning';
    like $said[0], qr/Negotiate goes on \(shared\): .*several clients.*one connection/, '... says what it is';
    like $said[0], qr/AuthNegotiatePersist Off/, '... what to write';
    like $said[0], qr/nginx.*proxy_set_header X-Forwarded-For.*haproxy.*option forwardfor/, '... and where a proxy is told to leave a trace';
    $own->stop;

    $log->mark;
    $http = connection();
    $http->get(env_of('off'), token($_)) for qw(alice bob);
    is_deeply [ said() ], [], 'where Persist is Off it is nobody\'s concern';
    $http->get(env_of('a'), token('bob'));
    is scalar(@said = $log->wait_for(qr/\(shared\)/)), 1, '... until something would be kept';

    $log->mark;
    $http = connection();
    $http->get(env_of('a'), token($_), Via => '1.1 proxy') for qw(alice bob alice);
    is_deeply [ said() ], [], 'a proxy that says that it is there needs no line';
};

# --- another program ---------------------------------------------------------------

subtest 'another User-Agent' => sub {
    my @one = ('User-Agent' => 'curl/8.0');
    for my $other ([ 'User-Agent' => 'git/2.39' ], [ 'User-Agent' => 'curl/8.0 ' x 2 ], [ 'User-Agent' => 'CURL/8.0' ], []) {
        my $http = kept(@one);
        is user($http->get(env_of('a'), @$other)), 401, 'a request with ' . ($other->[1] || 'no User-Agent') . ': is asked';
        ended_ok($http, '... and', @one);
    }
    my $http = kept();
    is user($http->get(env_of('a'), @one)), 401, 'one where there was none: is asked';
    like join('', said()), qr/User-Agent/, '... the log says so';
    $http = kept(@one);
    is user($http->get(env_of('a'), token('alice'), 'User-Agent' => 'git/2.39')), $ALICE, 'alice by a token, with another one: enters';
    ended_ok($http, '... and', @one);
};

# RFC 9110 section 7.6.1: an intermediary takes Connection away, and browsers always send it.
subtest 'a browser without Connection' => sub {
    my @browser = ('User-Agent' => 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0');
    my $http = kept(@browser, Connection => 'keep-alive');
    is user($http->get(env_of('a'), @browser)), 401, 'a browser says how its connection goes on, or else somebody stands between';
    is user($http->get(env_of('a'), @browser, Connection => 'keep-alive')), 401, '... for good';
    $http = connection();
    my $r = $http->get(env_of('a'), token('alice'), @browser);
    is_deeply [ user($r), $r->header('Persistent-Auth') ], [$ALICE], '... with a token: nothing lasts';
    is user($http->get(env_of('a'), @browser)), 401, '... nor is it kept';
};

subtest 'names in lower case' => sub {
    for my $case ([ host => 'localhost' ], [ host => 'localhost', 'user-agent' => 'curl/8.0' ]) {
        my $http = connection();
        my $r = $http->get(env_of('a'), token('alice'), @$case);
        is_deeply [ user($r), $r->header('Persistent-Auth') ], [$ALICE], 'host, written so: nothing lasts';
        is user($http->get(env_of('a'), @$case)), 401, '... nor is it kept';
    }
    my @program = (host => 'localhost', connection => 'keep-alive', 'user-agent' => 'node');
    is user(kept(@program)->get(env_of('a'), @program)), $ALICE, 'a program that writes so, and names its connection';
};

subtest 'the traces of docs/proxies.md' => sub {
    my ($list) = do { open my $in, '<', source_dir() . '/docs/proxies.md' or die; local $/; <$in> } =~ /^Traces: (.*?)\n\n/ms or die "no list\n";
    my @traces = map { s/\*$/Anything/r } $list =~ /`([^`]+)`/g;
    cmp_ok scalar @traces, '>', 20, 'there are ' . @traces;
    for my $trace (@traces, qw(x-varnish X-VINYL)) {
        my $http = connection();
        my $r = $http->get(env_of('a'), token('alice'), $trace => 'x');
        is_deeply [ user($r), $r->header('Persistent-Auth'), user($http->get(env_of('a'))) ], [ $ALICE, 401 ], "$trace with a token: nothing lasts";
        $http = connection();
        is user($http->get(env_of('a'), token('alice'))), $ALICE, '... without it';
        is_deeply [ map { user($http->get(env_of('a'), @$_)) } [], [ $trace => '' ], [] ], [ $ALICE, 401, 401 ], '... an identity lasts until it comes';
        is_deeply [ user($http->get(env_of('a'), token('alice'))), user($http->get(env_of('a'))) ], [ $ALICE, 401 ], '... and never again';
    }
    for my $other (qw(X-Client-Data X-Request-Id Forward X-Original CFx Accept)) {
        my $http = connection();
        $http->get(env_of('a'), token('alice'), $other => 'x');
        is user($http->get(env_of('a'), $other => 'x')), $ALICE, "$other is no trace";
    }
};

# --- Persistent-Auth ------------------------------------------------------------------

subtest 'Persistent-Auth is said where it is so' => sub {
    my $r = connection()->get(env_of('a'), token('alice'), Connection => 'close');
    is_deeply [ user($r), $r->header('Persistent-Auth') ], [$ALICE], 'not for the last request of a connection';
    for my $line ('KeepAlive Off', 'MaxKeepAliveRequests 2') {
        my $other = server(conf => "$conf$line\n")->start;
        my $http = http(port => $other->port);
        my ($end) = (0);
        until ($end || $http->closed(0)) {
            $r = $http->get(env_of('a'), token('alice'));
            $end = lc($r->header('Connection') || '') eq 'close';
            is_deeply [ user($r), $r->header('Persistent-Auth') ], [ $ALICE, $end ? () : 'true' ],
              "$line: " . ($end ? 'not with the last answer' : 'with an answer that is not the last');
        }
        $other->stop;
    }
};

# --- real proxies -------------------------------------------------------------------------

my $dir = $server->dir;
my $to  = '127.0.0.1:' . $server->port;
my (%port, @running);

sub start_nginx {
    return 'nginx is missing' if !run([ 'nginx', '-v' ])->{ok};
    my @names = ('nginx, keepalive', 'nginx, default');
    @port{@names} = map { free_port() } @names;
    mkdir "$dir/nginx";
    my $temporary = join ' ', map { "${_}_temp_path $dir/nginx/$_;" } qw(client_body proxy fastcgi uwsgi scgi);
    my $file = put("$dir/nginx/conf", <<"CONF");
daemon off; pid $dir/nginx/pid; error_log $dir/nginx/error; worker_processes 1;
events {}
http {
    access_log off; $temporary
    upstream httpd { server $to; keepalive 8; }
    server { listen 127.0.0.1:$port{'nginx, keepalive'};
        location / { proxy_pass http://httpd; proxy_http_version 1.1; proxy_set_header Connection ""; } }
    server { listen 127.0.0.1:$port{'nginx, default'};
        location / { proxy_pass http://$to; } }
}
CONF
    return begin([ 'nginx', '-e', "$dir/nginx/error", '-c', $file ], $port{$names[0]});
}

sub start_haproxy {
    return 'haproxy is missing' if !run([ 'haproxy', '-v' ])->{ok};
    my @names = ('haproxy, shortest', 'haproxy, http-reuse always', 'haproxy, names as clients write them');
    @port{@names} = map { free_port() } @names;
    my $text = "global\n    h1-case-adjust host Host\n    h1-case-adjust user-agent User-Agent\n    h1-case-adjust authorization Authorization\n";
    my %more = ($names[1] => 'http-reuse always', $names[2] => "http-reuse always\n    option h1-case-adjust-bogus-server");
    my $n = 0;
    $text .= "listen l@{[ ++$n ]}\n    mode http\n    timeout client 30s\n    timeout server 30s\n    timeout connect 5s\n"
      . "    bind 127.0.0.1:$port{$_}\n    @{[ $more{$_} || '' ]}\n    server s $to\n" for @names;
    return begin([ 'haproxy', '-db', '-q', '-f', put("$dir/shared.cfg", $text) ], $port{$names[0]});
}

sub start_varnish {
    my ($name, $more) = @_;
    return 'varnish is missing' if !run([ 'varnishd', '-V' ])->{ok};
    $port{$name} = free_port();
    my $work = "$dir/varnish-$port{$name}";
    mkdir $work;
    my ($address, $port) = split /:/, $to;
    my $file = put("$work/vcl", <<"CONF");
vcl 4.1;
backend default { .host = "$address"; .port = "$port"; }
sub vcl_recv { return (pass); }
sub vcl_backend_fetch { $more }
CONF
    return begin([ 'varnishd', '-F', '-j', 'none', '-n', "$work/work", '-s', 'malloc,32m', '-a', "127.0.0.1:$port{$name}", '-f', $file ], $port{$name});
}

# @return a reason not to use it, or nothing
sub begin {
    my ($command, $port) = @_;
    my $process = NegTest::Process->start($command, output => "$dir/$command->[0].out");
    push @running, $process;
    wait_until(sub { !$process->alive || eval { http(port => $port); 1 } }, 30) && $process->alive
      or return "$command->[0] did not start: " . $process->output;
    return '';
}

my %without = (
    nginx   => start_nginx(),
    haproxy => start_haproxy(),
    varnish => start_varnish('varnish, default', '')
      || start_varnish('varnish, its headers taken away', 'unset bereq.http.X-Varnish; unset bereq.http.X-Forwarded-For; unset bereq.http.Via;'),
);

# What three users' programs send; each keeps its connection to the proxy, and sends a token with its
# first request, or waits until it is asked.
my %program = (
    'alike, waiting'       => sub { return ('User-Agent' => 'program/1.0') },
    'alike'                => sub { return ('User-Agent' => 'program/1.0') },
    'three programs'       => sub { return ('User-Agent' => "program-$_[0]/1.0") },
    'three browsers alike' => sub { return ('User-Agent' => 'Mozilla/5.0 (X11; Linux) Chrome/140.0', Connection => 'keep-alive') },
);

sub interleave {
    my ($port, $program) = @_;
    my $headers = $program{$program};
    my %count = (requests => 0, connections => 0, before => 0, after => 0, wrong => 0, kept => 0);
    my (%http, %asked, %proven);
    srand 7;
    while ($count{requests} < REQUESTS) {
        my $who = $users[ rand @users ];
        delete $http{$who} if rand() < 0.03;
        $asked{$who} = 1 if !$http{$who} && $program !~ /waiting/;
        $http{$who} ||= http(port => $port);
        my $with = delete $asked{$who};
        my $r = $http{$who}->get('/a/plain.txt', $headers->($who), $with ? token($who) : ());
        if (!$r) { delete $http{$who}; next }
        $count{requests}++;
        my ($seen, $connection) = ($r->status == 200 ? $r->header('X-User') : $r->status, $r->header('X-Port') || 'none');
        $asked{$who} = 1 if $seen eq '401';
        $count{kept}++ if !$with && $seen ne '401';
        $count{ keys %{ $proven{$connection} } > 1 ? 'after' : 'before' }++ if !$with && $seen ne '401' && $seen ne "$who\@EXAMPLE.TEST";
        $count{wrong}++ if $with && $seen ne "$who\@EXAMPLE.TEST" || $seen !~ /^(?:401|\w+\@EXAMPLE\.TEST)$/;
        $proven{$connection}{$who} = 1 if $with && $seen ne '401';
        delete $http{$who} if lc($r->header('Connection') || '') eq 'close';
    }
    $count{connections} = keys %proven;
    return \%count;
}

# Where a proxy leaves something that can be seen, nobody is ever another.
sub is_seen { my ($proxy, $program) = @_; return $proxy =~ /default|shortest|always/ || $program !~ /^alike/ }

for my $proxy ('nginx, default', 'nginx, keepalive', 'haproxy, shortest', 'haproxy, http-reuse always',
    'haproxy, names as clients write them', 'varnish, default', 'varnish, its headers taken away') {
    my ($kind) = split /,/, $proxy;
    subtest $proxy => sub {
        plan skip_all => $without{$kind} if $without{$kind};
        for my $program (sort keys %program) {
            my $count = interleave($port{$proxy}, $program);
            note sprintf '%-38s %-22s %d requests, %d connections; as another: %d before the second token of a connection, %d after',
              $proxy, $program, map { $count->{$_} } qw(requests connections before after);
            is $count->{after}, 0, "$program, $count->{requests} requests: nobody is another after the second user's first token";
            is $count->{before}, 0, '... nor before it' if is_seen($proxy, $program);
            is $count->{kept}, 0, '... and nothing is kept' if $proxy =~ /default|shortest|always/;
            is $count->{wrong}, 0, '... and who sends a token is himself';
        }
    };
}

is_deeply [ $server->log->crashes ], [], 'nobody died';
$_->stop for @running;
done_testing;
