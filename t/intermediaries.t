# Between client and server: real proxies that put many clients on few connections never carry an
# identity from one to another, and the documented configuration lets no client name itself.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use NegTest;
use NegTest::Httpd 'mpm';
use NegTest::Ports 'free_port';
use NegTest::Process;
use NegTest::Spnego qw(neg_token_init KRB5);
use Time::HiRes 'time';

use constant { USERS => 6, CLIENTS => 6, REQUESTS => 300, MET => 5, REJECT => 'Negotiate oQcwBaADCgEC' };

use constant TRACES => qw(Via Forwarded X-Real-IP X-Client-IP CDN-Loop Proxy-Connection X-Forwarded-For
  x-forwarded-proto X-Forwarded-Anything);

my @users = map { "between$_" } 1 .. USERS;
kdc()->add_principal($_, password => $_) for @users;
ccache($_) for @users, 'alice', 'bob';

# --- the server behind them ------------------------------------------------------

# What is logged by the port of the connection shows that connections were shared.
my $backend = server(conf => <<'CONF');
    <IfModule http2_module>
        Protocols h2c http/1.1
    </IfModule>
    LogLevel auth_negotiate:warn
    CustomLog "@dir@/connections" "%{remote}p %>s %q"
    AliasMatch "^/[^/]+/(\w+\.shtml)$" "@dir@/$1"
    <Directory "@dir@">
        Options +Includes
    </Directory>
    AuthNegotiateKeytab "@keytab@"
    <Location "/">
        AuthType Negotiate
        AuthName "one"
        Require valid-user
    </Location>
    <Location "/on">
        AuthNegotiatePersist On
    </Location>
CONF
put($backend->dir . '/who.shtml', qq{<!--#echo var="REMOTE_USER" -->|<!--#echo var="NEGOTIATE_SOURCE" -->\n});
$backend->start;

sub put {
    my ($file, $text) = @_;
    open my $out, '>', $file or die "$file: $!\n";
    print $out $text;
    close $out;
    return;
}

# --- the proxies -----------------------------------------------------------------

my %proxy;    # name => port

# One port for each kind of backend. With HTTP/2 to a server that sends challenges, haproxy 2.6
# crashes unless its reuse is "safe".
my %haproxy = (
    'haproxy, forwardfor' => [ 'always', 'option forwardfor', '' ],
    'haproxy, Via'        => [ 'always', 'http-request add-header Via "%HV haproxy"', '' ],
    'haproxy, no trace'   => [ 'always', '', '' ],
    'haproxy, h2'         => [ 'safe', 'option forwardfor', 'proto h2' ],
    'haproxy, h2, no trace' => [ 'safe', '', 'proto h2' ],
);
delete @haproxy{ grep { /h2/ } keys %haproxy } if mpm() eq 'prefork';

sub start_haproxy {
    return if !run([ 'haproxy', '-v' ])->{ok};
    my $file = $backend->dir . '/haproxy.cfg';
    my $text = <<'CONF';
global
    maxconn 400
    nbthread 1
defaults
    mode http
    timeout connect 10s
    timeout client 30s
    timeout server 30s
CONF
    my $n = 0;
    for my $name (sort keys %haproxy) {
        my ($reuse, $line, $how) = @{ $haproxy{$name} };
        my $to = '127.0.0.1:' . $backend->port;
        $n++;
        $proxy{$name} = free_port();
        $text .= "frontend f$n\n    bind 127.0.0.1:$proxy{$name}\n    default_backend b$n\n"
          . "backend b$n\n    http-reuse $reuse\n    $line\n    server s $to pool-purge-delay 60s pool-low-conn 0 $how\n";
    }
    put($file, $text);
    my $process = NegTest::Process->start([ 'haproxy', '-db', '-q', '-f', $file ], output => $backend->dir . '/haproxy.out');
    my ($port) = values %proxy;
    wait_until(sub { !$process->alive || eval { http(port => $port); 1 } }, 10) && $process->alive
      or die 'haproxy did not start: ', $process->output;
    return $process;
}

# mod_proxy has a pool for each child and each ProxyPass.
my %mod_proxy = (
    'mod_proxy, its own headers' => '',
    'mod_proxy, Via'             => "ProxyAddHeaders Off\nProxyVia On\n",
    'mod_proxy, no trace'        => "ProxyAddHeaders Off\nProxyVia Off\n",
);

sub start_mod_proxy {
    my $text = '';
    for my $name (sort keys %mod_proxy) {
        $proxy{$name} = free_port();
        my $to = $backend->url;
        # A parameter of its own gives each host a pool of its own.
        $text .= "Listen 127.0.0.1:$proxy{$name}\n<VirtualHost 127.0.0.1:$proxy{$name}>\n$mod_proxy{$name}"
          . "ProxyPass / $to enablereuse=on keepalive=on retry=0 acquire=20000\n</VirtualHost>\n";
    }
    return server(conf => $text)->start;
}

my $haproxy   = start_haproxy();
my $mod_proxy = start_mod_proxy();
my @between   = sort grep { !/no trace/ } keys %haproxy, keys %mod_proxy;
my @traceless = sort grep { /no trace/ } keys %haproxy, keys %mod_proxy;
my @h2        = grep { /h2/ } @between;

my @smuggled  = smuggled();

plan tests => 6 * @between + 4 * @traceless + 3 * @h2 + 3 * @smuggled + 16 + 4 * (() = TRACES);

# --- clients ---------------------------------------------------------------------

# A client's connections are one user's, or nobody's, or (with another proxy in front) everybody's.
# haproxy shares no connection on which somebody was challenged, so that of one user is not.
sub run_client {
    my ($port, $path, $number) = @_;
    srand 3000 + $number;
    my %count = map { $_ => 0 } qw(token without junk);
    my ($connection, $http, $kind, $only) = (0);
    my @wrong;
    for my $i (1 .. REQUESTS) {
        if (!$http || rand() < 0.2) {
            $http = http(port => $port, timeout => 30);
            $connection++;
            ($kind, $only) = ((qw(one one nobody mixed))[ rand 4 ], $users[ rand @users ]);
        }
        my $user = $kind eq 'one' ? $only : $users[ rand @users ];
        my $what = $kind eq 'one' ? 'token' : $kind eq 'nobody' ? 'without' : (qw(token token without without junk))[ rand 5 ];
        my @headers = $what eq 'token' ? (Authorization => initiator($user)->authorization)
          : $what eq 'junk'            ? (Authorization => negotiate('junk'))
          :                              ();
        my $r = $http->get("$path?$number.$connection.$what", @headers);
        if (!$r) { $http = undef; redo }
        $count{$what}++;
        my $expect = $what eq 'token' ? "$user\@EXAMPLE.TEST|header" : 401;
        my $seen   = $r->status == 200 ? $r->body =~ s/\s+$//r : $r->status;
        push @wrong, "$i, $what: $seen instead of $expect" if $seen ne $expect;
        push @wrong, "$i: $_" for grep { defined $r->header($_) } qw(Persistent-Auth Proxy-Support);
        $http = undef if lc($r->header('Connection') || '') eq 'close';
    }
    return { %count, wrong => \@wrong };
}

# How often a request without a token came on a connection on which a client elsewhere had been
# granted: where an identity that stays would be met.
sub count_temptations {
    my ($from) = @_;
    open my $in, '<', $backend->dir . '/connections' or die "connections: $!\n";
    seek $in, $from, 0;
    my (%granted, $count);
    while (<$in>) {
        my ($port, $status, $client, $what) = /^(\d+) (\d+) \?([\d.]+)\.(\w+)$/ or next;
        $granted{$port}{$client} = 1 if $status == 200;
        $count++ if $what eq 'without' && grep { $_ ne $client } keys %{ $granted{$port} };
    }
    return $count || 0;
}

sub load {
    my ($name, $path) = @_;
    my $from    = -s $backend->dir . '/connections' || 0;
    my @results = in_parallel(CLIENTS, sub { run_client($proxy{$name}, $path, $_[0]) });
    my %sum;
    for my $result (@results) { $sum{$_} += $result->{$_} || 0 for qw(token without junk) }
    my @wrong = map { $_->{error} || @{ $_->{wrong} || [] } } @results;
    return (\%sum, \@wrong, count_temptations($from));
}

# --- proxies that leave a trace ----------------------------------------------------

for my $name (@between) {
  SKIP: {
        skip 'haproxy is missing', 6 if !$proxy{$name};
        my $began = time;
        my ($sum, $wrong, $tempted) = load($name, '/on/who.shtml');
        my $n = $sum->{token} + $sum->{without} + $sum->{junk};
        is $n, CLIENTS * REQUESTS, "$name: $n requests";
        is scalar(@$wrong), 0, '... each its own user or nobody' or diag join "\n", @$wrong[ 0 .. ($#$wrong > 9 ? 9 : $#$wrong) ];
        cmp_ok $sum->{token}, '>', $n / 4, "... $sum->{token} with a token";
        cmp_ok $sum->{without}, '>', $n / 4, "... $sum->{without} without";
        cmp_ok $tempted, '>', MET, "... of which $tempted on a connection that others have been granted on";
        my $gss = initiator('alice');
        my $r   = http(port => $proxy{$name})->get('/on/who.shtml', Authorization => $gss->authorization);
        ok $r->status == 200 && $gss->finish($r) && $gss->mutual, '... and the final token passes';
        note sprintf '%.1f s', time - $began;
    }
}

# Over HTTP/2 a proxy could only make a 502 of HTTP_1_1_REQUIRED.
for my $name (@h2) {
  SKIP: {
        skip 'haproxy is missing', 3 if !$proxy{$name};
        my $offer = negotiate(neg_token_init(mechs => [KRB5]));
        my $http  = http(port => $proxy{$name});
        my $r     = $http->get('/on/who.shtml', Authorization => $offer);
        is $r->status, 401, "$name: an exchange of two legs is refused";
        is_deeply [ $r->challenges ], [REJECT], '... in words that the client understands';
        is $http->get('/on/who.shtml', Authorization => initiator('bob')->authorization)->body =~ s/\|.*//sr,
          'bob@EXAMPLE.TEST', '... and one of one leg is not';
    }
}

# --- proxies that leave none --------------------------------------------------------

# Nobody can see these (what that would lead to is noted); so docs/proxies.md wants Persist Off behind them, and with that all is well.
for my $name (@traceless) {
  SKIP: {
        skip 'haproxy is missing', 4 if !$proxy{$name};
        my ($sum, $wrong, $tempted) = load($name, '/off/who.shtml');
        my $n = $sum->{token} + $sum->{without} + $sum->{junk};
        is $n, CLIENTS * REQUESTS, "$name, Persist Off: $n requests";
        is scalar(@$wrong), 0, '... each its own user or nobody' or diag join "\n", @$wrong[ 0 .. ($#$wrong > 9 ? 9 : $#$wrong) ];
        cmp_ok $sum->{without}, '>', $n / 4, "... $sum->{without} without a token";
        cmp_ok $tempted, '>', MET, "... of which $tempted on a connection that others have been granted on";

        ($sum, $wrong) = load($name, '/on/who.shtml');
        note "$name, Persist On: " . grep({ /connection instead/ } @$wrong) . ' requests were taken for another user';
    }
}

# RFC 4559 section 6: a proxy says this of itself, so neither a challenge nor a kept identity does.
{
    my $http = http(port => $backend->port);
    is $http->get('/on/who.shtml')->header('Proxy-Support'), undef, 'no Proxy-Support with a challenge';
    my $r = $http->get('/on/who.shtml', Authorization => initiator('alice')->authorization);
    is_deeply [ $r->header('Persistent-Auth'), $r->header('Proxy-Support') ], ['true'], '... nor with Persistent-Auth';
}

# Each trace alone is enough, on the request that proves an identity or on a later one.
for my $trace (TRACES) {
    my $http = http(port => $backend->port);
    my $r = $http->get('/on/who.shtml', $trace => 'x', Authorization => initiator('alice')->authorization);
    is_deeply [ $r->status, $r->header('Persistent-Auth') ], [200], "$trace with a token: nothing lasts";
    is $http->get('/on/who.shtml')->status, 401, '... the next is asked';
    $http = http(port => $backend->port);
    $r = $http->get('/on/who.shtml', Authorization => initiator('alice')->authorization);
    is $r->header('Persistent-Auth'), 'true', '... without it an identity lasts';
    is_deeply [ map { $http->get('/on/who.shtml', @$_)->status } [], [ $trace => '' ], [] ], [ 200, 401, 401 ], '... until it comes';
}

is_deeply [ map { $_->log->crashes } $backend, $mod_proxy ], [], 'nobody died';
ok !$haproxy || $haproxy->alive, '... and haproxy neither';

# --- the user, told to an application --------------------------------------------------

# Shows the headers as they came, and as a CGI program sees them.
my $application = server(conf => <<'CONF')->start;
    ScriptAliasMatch "^/.*/env\.pl$" "@stage@/cgi-bin/env.pl"
    AliasMatch "^/.*/plain\.txt$" "@stage@/htdocs/plain.txt"
    <Location "/">
        Header echo "(?i)(Remote|Authorization)"
    </Location>
CONF

# What docs/proxies.md says, with this run's keytab and application; /open asks for nobody.
my $front = server(conf => documented() . 'ProxyPass "/open" "' . $application->url('/open') . qq{"\n})->start;

sub documented {
    open my $in, '<', source_dir() . '/docs/proxies.md' or die "docs/proxies.md: $!\n";
    local $/;
    my ($text) = <$in> =~ /^## Passing the user.*?^((?:    [^\n]*\n|\n(?=    ))+)/ms or die "docs/proxies.md has no configuration\n";
    $text =~ s{/etc/apache2/http\.keytab}{\@keytab\@};
    $text =~ s{http://127\.0\.0\.1:8080}{'http://localhost:' . $application->port}e or die "docs/proxies.md has another address\n";
    return $text;
}

# What the client sends; what becomes of the request: the headers' removal, or its refusal.
sub smuggled {
    return (
        [ 200, 'RemoteUser' => 'root' ],
        [ 200, 'remoteuser' => 'root' ],
        [ 200, 'REMOTEUSER' => 'root' ],
        [ 200, 'RemoteUser' => '' ],
        [ 200, 'RemoteUser' => "ro\r\n ot" ],
        [ 200, 'RemoteUser' => 'root', 'RemoteUser' => 'admin' ],
        [ 200, 'RemoteUser' => 'root', 'RemoteUser' => '' ],
        [ 200, 'RemoteUser' => 'root', 'remoteuser' => 'admin', 'REMOTEUSER' => 'root' ],
        [ 200, 'RemoteUser' => 'alice@EXAMPLE.TEST, root' ],
        [ 400, 'RemoteUser ' => 'root' ],
        [ 400, "RemoteUser\0" => 'root' ],
        [ 403, Connection => 'RemoteUser' ],
        [ 403, Connection => 'keep-alive, remoteuser' ],
        [ 403, Connection => 'keep-alive', Connection => 'RemoteUser' ],
        [ 403, Connection => 'Upgrade, RemoteUser', Upgrade => 'websocket' ],
        [ 200, 'Keep-Alive' => 'RemoteUser', 'Proxy-Connection' => 'RemoteUser' ],
        [ 200, 'X-Remote-User' => 'root' ],    # other headers, as a CGI program sees them, too
        [ 200, 'Remote.User' => 'root', 'Remote~User' => '' ],
    );
}

# Every header that came to the application and could be meant, in whatever spelling.
sub told {
    my ($r) = @_;
    return map { "$_->[0]=$_->[1]" } grep { $_->[0] =~ s/\W/_/gr =~ /^RemoteUser$/i } $r->header_lines;
}

for my $case (@smuggled) {
    my ($status, @headers) = @$case;
    my $what = join ', ', map { s/\r\n/\\r\\n/r =~ s/\0/\\0/r } map { "$headers[2 * $_]: $headers[2 * $_ + 1]" } 0 .. @headers / 2 - 1;
    my $r = http(port => $front->port)->get('/app/env.pl', @headers, Authorization => initiator('alice')->authorization);
    my @alice = ('RemoteUser=alice@EXAMPLE.TEST');
    is_deeply [ $r->status, told($r), $r->env->{HTTP_REMOTEUSER} || () ],
      [ $status, $status == 200 ? (@alice, 'alice@EXAMPLE.TEST') : () ], "$what: alice or nobody";
    $r = http(port => $front->port)->get('/app/env.pl', @headers);
    is_deeply [ $r->status, told($r) ], [ $status == 200 ? 401 : $status ], '... without a token';
    $r = http(port => $front->port)->get('/open/env.pl', @headers);
    is_deeply [ $r->status, told($r), $r->env->{HTTP_REMOTEUSER} || () ], [$status], '... where nobody is asked';
}

# In the trailer of a chunked body.
{
    my $http  = http(port => $front->port);
    my $token = initiator('alice')->authorization;
    for my $name (qw(RemoteUser remoteuser)) {
        $http->send_raw($http->format_request(POST => '/open/plain.txt',
                [ 'Transfer-Encoding' => 'chunked', Trailer => $name ]) . "2\r\nab\r\n0\r\n$name: root\r\n\r\n");
        my $r = $http->read_response;
        is_deeply [ $r->status, told($r) ], [200], "$name in a trailer";
    }
    my $r = $http->get('/app/env.pl', Authorization => $token);
    is $r->env->{HTTP_REMOTEUSER}, 'alice@EXAMPLE.TEST', 'a request of the usual kind';
    is $r->header('Authorization'), undef, '... keeps its token to this server';
    is $http->get("/app/env.pl", RemoteUser => 'root')->status, 401, '... and leaves nothing behind';
}

# What each line of the configuration is good for: without it the application is deceived.
{
    my %needed = (
        'RequestHeader unset RemoteUser early' => [ '/open', RemoteUser => 'root' ],
        'SetEnvIfNoCase Connection "RemoteUser" names_itself' => [ '/app', Connection => 'RemoteUser' ],
    );
    for my $line (sort keys %needed) {
        my ($where, @headers) = @{ $needed{$line} };
        my $conf = documented() =~ s/^ *\Q$line\E\n//mr;
        isnt $conf, documented(), "docs/proxies.md has: $line";
        my $other = server(conf => $conf . 'ProxyPass "/open" "' . $application->url('/open') . qq{"\n})->start;
        my $r = http(port => $other->port)->get("$where/env.pl", @headers, Authorization => initiator('alice')->authorization);
        my $should = $where eq '/app' ? 'RemoteUser=alice@EXAMPLE.TEST' : '';
        isnt join(' ', told($r)), $should, '... and needs it';
        $other->stop;
    }
}

# Why the header's name has letters only: no pattern keeps all spellings of another away.
{
    my $other = server(conf => <<'CONF' . 'ProxyPass "/open" "' . $application->url('/open') . qq{"\n})->start;
    SetEnvIfNoCase "^X[^a-z0-9]Remote[^a-z0-9]User$" . names_itself
    <If "-n reqenv('names_itself')">
        Require all denied
    </If>
CONF
    my $status = sub { http(port => $other->port)->get('/open/env.pl', @_)->status };
    is $status->('X.Remote.User' => 'root'), 403, 'SetEnvIf by a pattern sees a header';
    is $status->('X.Remote.User' => 'root', 'X~Remote.User' => ''), 200, '... but not before an empty one';
    $other->stop;
}

is_deeply [ map { $_->log->crashes } $application, $front ], [], 'nobody died here either';
