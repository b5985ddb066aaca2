# AuthNegotiateProxyService: a request goes to the backend in its user's name, and its answer comes
# back only from a backend that has proven itself. The server's own environment names the tickets of
# mallory, whom nobody must ever be.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use IO::Socket::INET;
use NegTest;
use NegTest::Httpd 'apxs';
use NegTest::Listener;
use NegTest::Ports 'free_port';
use NegTest::Process;
use NegTest::Stage;

plan tests => 134;

my $service = 'HTTP@back.example.test';
my @users   = map { "courier$_" } 0 .. 9;
kdc->add_principal($_, password => $_) for @users, 'mallory';
kdc->add_principal('HTTP/back.example.test');
kdc->add_to_keytab(keytab('back'), ['HTTP/back.example.test']);
NegTest::Stage->give_to_httpd(keytab('back'), 0600);
my $mallory = stage_dir() . '/mallory.ccache';
kdc->kinit('mallory', ccache => "FILE:$mallory");
kdc->kvno("FILE:$mallory", 'HTTP/back.example.test');
NegTest::Stage->give_to_httpd($mallory, 0600);

# --- the backends --------------------------------------------------------------

my $theirs = -e apxs('LIBEXECDIR') . '/mod_auth_gssapi.so';
my $back = server(conf => backend_conf())->start;
my $listener = NegTest::Listener->start(\&answer_rogue);
my $rogue    = $listener->port;

# A third kind: Java has SPNEGO and Kerberos of its own.
my $java_port = free_port();
my $java = grep({ -x "$_/java" } split /:/, $ENV{PATH})
  ? NegTest::Process->start(
    [ 'java', '-XX:TieredStopAtLevel=1', '-Xmx64m', '-Djavax.security.auth.useSubjectCredsOnly=true', '-Djava.security.krb5.conf=' . kdc->krb5_conf,
        source_dir() . '/t/clients/NegotiateServer.java', $java_port, 'HTTP/back.example.test@EXAMPLE.TEST', keytab('back') ],
    output => stage_dir() . '/java.out')
  : undef;

sub backend_conf {
    my $peer = $theirs ? <<"PEER" : '';
LoadModule auth_gssapi_module @{[ apxs('LIBEXECDIR') ]}/mod_auth_gssapi.so
<Location "/peer">
    AuthType GSSAPI
    AuthName back
    GssapiCredStore keytab:@{[ keytab('back') ]}
    GssapiAllowedMech krb5
    GssapiConnectionBound On
    Require valid-user
</Location>
PEER
    return <<"CONF";
ScriptAliasMatch "env\\.pl\$" "\@stage\@/cgi-bin/env.pl"
Alias /here "\@documentroot\@"
<LocationMatch "^/(?:here|persist)">
    AuthType Negotiate
    AuthName back
    AuthNegotiateKeytab "@{[ keytab('back') ]}"
    AuthNegotiateAcceptor $service
    Require valid-user
    Header set X-Seen "expr=%{HTTP:X-Ask}"
</LocationMatch>
<Location "/persist">
    AuthNegotiatePersist On
</Location>
<Location "/own">
    AuthType Negotiate
    AuthName back
    AuthNegotiateKeytab "\@keytab\@"
    Require valid-user
</Location>
<Location "/here/forbidden">
    Require user nobody
</Location>
$peer
CONF
}

my $site = stage_dir() . '/site';
mkdir $site;
open my $htaccess, '>', "$site/.htaccess" or die "$site: $!\n";
print $htaccess "RewriteEngine On\nRewriteRule ^taken\\.pl @{[ $back->url('/here/env.pl') ]} [P]\n";
close $htaccess;
chmod 0644, "$site/.htaccess";

my $front_conf = <<"CONF";
ScriptAliasMatch "^/(?:local|error)/env\\.pl\$" "\@stage\@/cgi-bin/env.pl"
ErrorDocument 502 /error/env.pl
AuthNegotiateKeytab "\@keytab\@"
RequestHeader unset X-Forwarded-For
ProxyAddHeaders Off
<Location "/back">
    AuthType Negotiate
    AuthName front
    AuthNegotiateProxyService $service
    Require valid-user
</Location>
<Location "/back/optional">
    AuthNegotiateProxyService $service optional
</Location>
<Location "/back/persist">
    AuthNegotiatePersist On
</Location>
<Location "/back/named">
    AuthNegotiateProxyService HTTP
</Location>
<Location "/back/balanced">
    AuthNegotiateProxyService HTTP
</Location>
<Location "/back/expression">
    AuthNegotiateProxyService "HTTP\@%{HTTP:X-Ask}"
</Location>
<Location "/back/unknown">
    AuthNegotiateProxyService HTTP\@unknown.example.test
</Location>
<Location "/back/file">
    AuthNegotiateDelegate "FILE:\@stage\@/delegated"
</Location>
<Location "/back/anyone">
    AuthNegotiateProxyService $service optional
</Location>
<Location "/back/kept">
    AuthNegotiateDelegate "FILE:\@stage\@/delegated"
    AuthNegotiatePersist On
</Location>
<Location "/back/other">
    AuthNegotiateProxyService off
</Location>
<Directory "$site">
    AllowOverride FileInfo
    Options +FollowSymLinks
    Require all granted
</Directory>
<Location "/site">
    AuthType Negotiate
    AuthName front
    AuthNegotiateProxyService $service
    Require valid-user
</Location>
Alias /site "$site"
<Proxy "balancer://members">
    BalancerMember "@{[ $back->url('') ]}"
</Proxy>
ProxyPass "/back/plain/" "@{[ $back->url('/plain/') ]}"
ProxyPass "/back/optional/" "@{[ $back->url('/here/') ]}"
ProxyPass "/back/persist/" "@{[ $back->url('/persist/') ]}"
ProxyPass "/back/named/" "@{[ $back->url('/own/') ]}"
ProxyPass "/back/expression/" "@{[ $back->url('/here/') ]}"
ProxyPass "/back/unknown/" "@{[ $back->url('/here/') ]}"
ProxyPass "/back/file/" "@{[ $back->url('/here/') ]}"
ProxyPass "/back/anyone/" "@{[ $back->url('/persist/') ]}"
ProxyPass "/back/kept/" "@{[ $back->url('/here/') ]}"
ProxyPass "/back/java/" "http://localhost:$java_port/"
ProxyPass "/back/other/" "@{[ $back->url('/here/') ]}"
ProxyPass "/back/balanced/" "balancer://members/own/"
ProxyPass "/back/peer/" "@{[ $back->url('/peer/') ]}"
ProxyPass "/back/rogue/" "http://localhost:$rogue/"
ProxyPass "/back/upgrade/" "http://127.0.0.1:$rogue/" upgrade=websocket
ProxyPass "/back/ajp/" "ajp://localhost:$rogue/"
ProxyPass "/back/" "@{[ $back->url('/here/') ]}"
CONF
my $front = server(conf => $front_conf, env => { KRB5CCNAME => "FILE:$mallory" })->start;

sub front { return http(port => $front->port) }

sub ask {
    my ($path, $user, %opt) = @_;
    my @headers = @{ delete $opt{headers} || [] };
    my $gss  = initiator($user, delegate => 1, %opt);
    my $http = front();
    return ($http->get($path, Authorization => $gss->authorization, @headers), $gss);
}

# --- as the user -----------------------------------------------------------------

for my $path ('/back', '/back/persist', '/back/named', '/back/balanced', '/back/file', $theirs ? '/back/peer' : ()) {
    my ($r, $gss) = ask("$path/env.pl", 'alice');
    is $r->status, 200, "$path: 200" or diag $r->body;
    is $r->env->{REMOTE_USER}, 'alice@EXAMPLE.TEST', '... the backend knows alice';
    is $r->env->{HTTP_AUTHORIZATION}, undef, '... and shows no token to its program';
    is scalar(my @all = $r->challenges), 1, '... one final token';
    ok $gss->finish($r) && $gss->mutual, '... which is the front\'s';
    is $r->header('Persistent-Auth'), $path eq '/back/persist' ? 'true' : undef, '... Persistent-Auth is the front\'s alone';
}
{
    my ($r) = ask('/site/taken.pl', 'alice');
    is $r->status, 403, 'the author of a .htaccess sends nobody to a backend';
    my ($line) = $front->log->wait_for(qr/htaccess has a say/);
    like $line, qr/policy\).*AllowOverride FileInfo.*AllowOverride None/, '... which is told';
    ($r) = ask('/back/env.pl', 'bob');
    is $r->env->{REMOTE_USER}, 'bob@EXAMPLE.TEST', 'bob is bob';
    ($r) = ask('/back/expression/env.pl', 'bob', headers => [ 'X-Ask' => 'back.example.test' ]);
    is $r->env->{REMOTE_USER}, 'bob@EXAMPLE.TEST', 'a name by an expression';
    ($r) = ask('/back/forbidden/env.pl', 'alice');
    is $r->status, 403, 'a 403 of a backend that has proven itself comes through';
}

# --- nothing delegated --------------------------------------------------------------

{
    my $log = $front->log->mark;
    my ($r, $gss) = ask('/back/env.pl', 'alice', delegate => 0);
    is $r->status, 403, 'nothing delegated: 403';
    ok $gss->finish($r) && $gss->mutual, '... the front has proven itself all the same';
    ok $front->log->wait_for(qr/Negotiate refused \(not-delegated\): alice\@EXAMPLE\.TEST .*kinit -f.*ok_as_delegate.*AllowList.*optional/i),
      '... the log has the remedies';
    ($r) = ask('/back/optional/env.pl', 'alice', delegate => 0);
    is $r->status, 401, 'optional: it goes on without, and the backend asks';
    is_deeply [ $r->challenges ], ['Negotiate'], '... with its own challenge alone';
    ($r) = ask('/back/optional/env.pl', 'alice');
    is $r->env->{REMOTE_USER}, 'alice@EXAMPLE.TEST', '... and alice who delegates is alice there';
    ($r) = ask('/back/other/env.pl', 'alice');
    is $r->status, 401, 'off: no token for the backend';
}

# --- no ticket for the backend ---------------------------------------------------------

{
    $front->log->mark;
    my ($r) = ask('/back/unknown/env.pl', 'alice');
    is $r->status, 502, 'a service that the KDC does not know: 502';
    is $r->env->{REDIRECT_NEGOTIATE_ERROR}, 'backend-ticket', '... backend-ticket, for the ErrorDocument too';
    is $r->env->{NEGOTIATE_ERROR}, 'backend-ticket', '... under its own name';
    ok $front->log->wait_for(qr/\(backend-ticket\): alice\@EXAMPLE\.TEST gets no ticket for HTTP\@unknown/), '... the log says so';
    for my $name ('', 'x y', 'a@b', '@') {
        ($r) = ask('/back/expression/env.pl', 'alice', headers => [ 'X-Ask' => $name ]);
        is $r->status, 500, "an expression that gives HTTP\@$name: 500";
    }
    $front->log->mark;
    ($r) = ask('/back/ajp/env.pl', 'alice');
    is $r->status, 500, 'a backend by AJP: 500';
    ok $front->log->wait_for(qr/works with backends by http, https, h2 and h2c/), '... the log says so';
}

# --- a backend that does not prove itself -------------------------------------------------

sub answer_rogue {
    my ($client) = @_;
    my $head     = NegTest::Listener::read_head($client);
    my ($path)  = $head =~ m{^\w+ /(\S*)};
    my ($token) = $head =~ /^Authorization: Negotiate (\S+)/m;
    my %line = (
        nothing => '',
        bare    => 'WWW-Authenticate: Negotiate',
        basic   => 'WWW-Authenticate: Basic realm="x"',
        junk    => 'WWW-Authenticate: Negotiate AAAA',
        echo    => "WWW-Authenticate: Negotiate $token",
        reject  => 'WWW-Authenticate: Negotiate oQcwBaADCgEC',
        accept  => 'WWW-Authenticate: Negotiate oRQwEqADCgEAoQsGCSqGSIb3EgECAg==',
        more    => 'WWW-Authenticate: Negotiate oRQwEqADCgEBoQsGCSqGSIb3EgECAg==',
        upgrade => "Upgrade: websocket\r\nConnection: Upgrade",
        two     => "WWW-Authenticate: Negotiate oQcwBaADCgEC\r\nWWW-Authenticate: Basic realm=\"x\"",
    );
    my $status = $path =~ s/^(\d+)// ? $1 : 200;
    my $early = $path =~ s/^early// ? "HTTP/1.1 103 Early Hints\r\nLink: </SECRET>\r\n\r\n" : '';
    my $body = 'SECRET' x ($path =~ s/^long// ? 200_000 : 1);
    my $line = $line{$path} ? "$line{$path}\r\n" : '';
    print $client "${early}HTTP/1.1 $status Rogue\r\n${line}Set-Cookie: SECRET=1\r\nX-Rogue: SECRET\r\nContent-Length: ", length $body, "\r\n\r\n$body";
    return;
}

for my $path (qw(nothing bare basic junk echo reject accept more two 401bare 401reject 401more 404nothing 302nothing
    304nothing 500nothing longnothing earlynothing longecho)) {
    my ($r, $gss) = ask("/back/rogue/$path", 'alice');
    is $r->status, 502, "a backend that answers with $path: 502";
    unlike $r->head . $r->body, qr/SECRET|Basic/, '... nothing of its answer comes through';
    ok $gss->finish($r) && $gss->mutual, '... the final token is the front\'s';
}
ok $front->log->wait_for(qr/\(backend\): the answer of the backend \(status 200\) is not passed on to alice\@EXAMPLE\.TEST, because the backend has not proven that it is \Q$service\E/),
  'the log says why';

{
    my $http = front();
    my $r = $http->get('/back/upgrade/101upgrade', Authorization => initiator('alice', delegate => 1)->authorization,
        Upgrade => 'websocket', Connection => 'Upgrade', 'Sec-WebSocket-Key' => 'eA==', 'Sec-WebSocket-Version' => 13);
    is $r && $r->status, 502, 'another protocol is not begun with a backend that has not proven itself';
    unlike $r ? $r->head . $r->body : 'SECRET', qr/SECRET/, '... nothing of its answer comes through';
}

# --- a backend of another make -----------------------------------------------------------

SKIP: {
    skip 'there is no java', 2 if !$java;
    skip 'the Java server did not start: ' . $java->output, 2
      if !wait_until(sub { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $java_port) }, 60);
    my ($r, $gss) = ask('/back/java/x', 'alice');
    is $r->body, "REMOTE_USER=alice\@EXAMPLE.TEST\n", 'a backend in Java knows alice' or diag $java->output;
    ok $gss->finish($r) && $gss->mutual, '... and has proven itself';
    $java->stop;
}

# --- who must not be whom --------------------------------------------------------------

# What was delegated is put out of its place, or another's into it.
for my $case ([ 'a ticket of another user is of no use', sub { system 'cp', $mallory, $_[0] } ],
    [ 'nor are the server\'s own', sub { unlink $_[0] } ]) {
    my ($what, $do) = @$case;
    my $http = front();
    my $r = $http->get('/back/kept/env.pl', Authorization => initiator('alice', delegate => 1)->authorization);
    is $r->env->{REMOTE_USER}, 'alice@EXAMPLE.TEST', 'a connection keeps what alice delegated';
    is $http->get('/back/kept/env.pl')->env->{REMOTE_USER}, 'alice@EXAMPLE.TEST', '... for the next request';
    my @files = glob stage_dir() . '/delegated/*';
    is scalar @files, 1, '... in a file';
    $do->($files[0]);
    $r = $http->get('/back/kept/env.pl');
    is $r->status, 502, $what;
    is $r->env->{NEGOTIATE_ERROR}, 'backend-ticket', '... backend-ticket';
    undef $http;
    wait_until(sub { !(my @left = glob stage_dir() . '/delegated/*') }, 10);
}

{
    my $kdc_requests = sub { my @all = kdc->log_text =~ /TGS_REQ .*ISSUE: .* for HTTP\/back\.example\.test/g; return scalar @all };
    my $before = $kdc_requests->();
    my @wrong;
    my @answers = in_parallel(10, sub {
        my ($i) = @_;
        my %seen;
        my @http = map { front() } 1 .. 3;
        for my $n (1 .. 40) {
            my $path = (qw(/back /back/persist /back/anyone), $theirs ? '/back/peer' : '/back')[ $n % 4 ];
            my $r = $http[ $n % @http ]->get("$path/env.pl", Authorization => initiator($users[$i], delegate => $path !~ /anyone/)->authorization);
            $seen{ $r->status . ' ' . ($r->env->{REMOTE_USER} || 'nobody') }++;
        }
        return \%seen;
    });
    is_deeply \@answers, [ map { +{ "200 $_\@EXAMPLE.TEST" => 30, '401 nobody' => 10 } } @users ],
      'ten users at once: each is himself at the backend, and who brings nothing is nobody there';
    my $cost     = $kdc_requests->() - $before;
    my @children = $front->children;
    cmp_ok $cost, '<=', 10 * @children, "300 requests: $cost tickets for the backend, one a user and child";
}

is_deeply [ map { $_->log->crashes } $front, $back ], [], 'nobody died';
unlike kdc->log_text, qr/ISSUE.*mallory\@EXAMPLE\.TEST for HTTP\/localhost/, 'nobody was mallory';
