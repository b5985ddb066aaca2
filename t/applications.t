# Applications behind mod_proxy, by each protocol: they know the user, they see nothing of what the
# user proved himself with, and their own challenges are left as they are.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use NegTest;
use NegTest::Backend;
use NegTest::Httpd 'mpm';
use Time::HiRes 'time';

my $challenge = NegTest::Backend::CHALLENGE;
my $socket    = stage_dir() . '/application.sock';
my $fcgi_path = stage_dir() . '/fcgi.sock';
my $php       = NegTest::Backend->php_fpm(stage_dir());
my $fcgi      = NegTest::Backend->has_fcgi ? NegTest::Backend->fcgi($fcgi_path) : undef;
my ($http, $ajp, $scgi, $uwsgi, $websocket) = map { NegTest::Backend->$_ } qw(http ajp scgi uwsgi websocket);
my $unix = NegTest::Backend->http(path => $socket);

# A httpd behind: by http, and by HTTP/2.
my $back = server(conf => <<'CONF')->start;
    Protocols h2c http/1.1
    ScriptAliasMatch "env\.pl" "@stage@/cgi-bin/env.pl"
    ScriptAliasMatch "count\.pl" "@stage@/cgi-bin/count.pl"
    <Location "/">
        CGIPassAuth On
    </Location>
CONF

# Path => backend; {env}: who the application says it was asked as.
my %application = (
    http  => { to => "http://localhost:${\$http->port}/" },
    cgi   => { to => $back->url('/env.pl/'), header => 'HTTP_REMOTEUSER', authorization => 'HTTP_AUTHORIZATION' },
    mpm() eq 'prefork' ? () :    # mod_http2 wants another MPM
    (h2   => { to => 'h2c://localhost:' . $back->port . '/env.pl/', header => 'HTTP_REMOTEUSER', authorization => 'HTTP_AUTHORIZATION' }),
    unix  => { to => "unix:$socket|http://localhost/" },
    ajp   => { to => "ajp://localhost:${\$ajp->port}/ secret=hush", user => 'REMOTE_USER' },
    scgi  => { to => "scgi://localhost:${\$scgi->port}/", user => 'REMOTE_USER', authorization => 'HTTP_AUTHORIZATION' },
    uwsgi => { to => "uwsgi://localhost:${\$uwsgi->port}/", user => 'REMOTE_USER', authorization => 'HTTP_AUTHORIZATION' },
    $fcgi ? (fcgi => { to => "unix:$fcgi_path|fcgi://localhost/", user => 'REMOTE_USER', authorization => 'HTTP_AUTHORIZATION' }) : (),
    $php ? (php => { to => $php->{url}, user => 'REMOTE_USER', authorization => 'HTTP_AUTHORIZATION' }) : (),
);
my $passes = join '', map { qq{ProxyPass "/app/$_/" "$application{$_}{to}"\n} =~ s/ secret=(\w+)"/" secret=$1/r } sort keys %application;

my $front = server(conf => <<"CONF")->start;
PassEnv KRB5_CONFIG
Protocols h2c http/1.1
AuthNegotiateKeytab "\@keytab\@"
RequestHeader unset RemoteUser early
SetEnvIfNoCase Connection "RemoteUser" names_itself
<If "-n reqenv('names_itself')">
    Require all denied
</If>
<Location "/app">
    AuthType Negotiate
    AuthName front
    AuthNegotiateDelegate "FILE:\@stage\@/delegated"
    Require valid-user
    RequestHeader set RemoteUser "expr=%{REMOTE_USER}"
    RequestHeader set RemoteRealm "expr=%{reqenv:NEGOTIATE_REALM}"
</Location>
<Location "/app/http/passed">
    SetEnv negotiate-pass-authorization
</Location>
<Location "/app/http/service">
    RequestHeader set Authorization "Basic c2VydmljZTpwYXNz"
</Location>
<Location "/app/persist">
    AuthNegotiatePersist On
</Location>
ProxyPass "/app/persist/" "http://localhost:${\$http->port}/"
ProxyPass "/app/count/" "${\$back->url('/count.pl/')}"
ProxyPass "/app/count-h2/" "h2c://localhost:${\$back->port}/count.pl/"
ProxyPass "/app/socket/" "ws://localhost:${\$websocket->port}/"
ProxyPass "/app/upgrade/" "http://localhost:${\$websocket->port}/" upgrade=websocket
ProxyPass "/open/" "http://localhost:${\$http->port}/"
$passes
CONF

plan tests => 12 * keys(%application) + 44;

sub front { return http(port => $front->port) }

# The lines of an application without regard to the case of names.
sub told { my ($r) = @_; my %env = %{ $r->env }; return { map { lc $_ => $env{$_} } keys %env } }

sub one_final_token {
    my ($gss, $r, $what) = @_;
    is scalar(my @all = $r->challenges), 1, "$what: one WWW-Authenticate";
    ok $gss->finish($r) && $gss->mutual, '... our final token';
    return;
}

for my $name (sort keys %application) {
    my ($to, $user, $authorization) =
      ($application{$name}, map { lc } $application{$name}{user} || $application{$name}{header} || 'RemoteUser', $application{$name}{authorization} || 'Authorization');
    my $gss = initiator('alice', delegate => 1);
    my $r   = front()->get("/app/$name/x", Authorization => $gss->authorization, 'remoteuser' => 'mallory', REMOTEUSER => 'mallory');
    is $r->status, 200, "$name: 200" or diag $r->body;
    is told($r)->{$user}, 'alice@EXAMPLE.TEST', '... the application knows alice';
    is told($r)->{$authorization}, undef, '... and sees no token';
    unlike $r->body, qr/mallory|Negotiate [\w+]{9}/, '... nor a header of the client\'s in its place';
    one_final_token($gss, $r, $name);

    my $t = told($r);
    if ($name =~ /^(?:fcgi|php|scgi|uwsgi)$/) { like $t->{krb5ccname}, qr{^FILE:/}, '... KRB5CCNAME, where variables are passed' }
    elsif ($name eq 'ajp') { is $t->{secret}, 'hush', '... the secret' }
    else { is $t->{krb5ccname}, undef, '... KRB5CCNAME is nothing for another machine' }

  SKIP: {
        skip "$name: env.pl asks for nothing", 5 if $name =~ /^(?:cgi|h2)$/;
        $gss = initiator('alice');
        my $connection = front();
        $r = $connection->get("/app/$name/401", Authorization => $gss->authorization);
        is $r->status, 401, "$name: a 401 of the application's";
        is_deeply [ $r->challenges ], [$challenge], '... its challenge alone, unchanged';
        is $r->header('Persistent-Auth'), undef, '... no Persistent-Auth';
        is $r->header('Authorization'), undef, '... nothing of ours';
        $r = $connection->get("/app/$name/x", Authorization => initiator('bob')->authorization);
        is told($r)->{$user}, 'bob@EXAMPLE.TEST', '... and bob comes next';
    }
}

# --- headers --------------------------------------------------------------------

{
    my $gss = initiator('alice');
    my $r = front()->get('/app/http/challenge', Authorization => $gss->authorization);
    is $r->header('Set-Cookie'), 'application=1', 'a cookie of the application comes through';
    is $r->header('Persistent-Auth'), undef, '... what it says of its connection does not';
    one_final_token($gss, $r, 'a challenge on a 200 is dropped');

    is told($r)->{remoterealm}, 'EXAMPLE.TEST', 'the realm in a header';

    $r = front()->get('/app/http/passed', Authorization => my $line = initiator('alice')->authorization);
    is told($r)->{authorization}, $line, 'negotiate-pass-authorization: the application gets the token';
    $r = front()->get('/app/http/service', Authorization => initiator('alice')->authorization);
    is told($r)->{authorization}, 'Basic c2VydmljZTpwYXNz', 'another credential of the administrator\'s is passed on';
    $r = front()->get('/open/x', Authorization => 'Basic YTpi');
    is told($r)->{authorization}, 'Basic YTpi', 'where we have asked for nothing, nothing is taken away';
}
for my $spelling (qw(RemoteUser remoteuser REMOTEUSER rEMOTEuSER)) {
    my $r = front()->get('/open/x', $spelling => 'mallory');
    unlike $r->body, qr/mallory/, "$spelling of the client's does not survive";
    $r = front()->request(GET => '/open/x', [ $spelling => 'a', $spelling => 'mallory' ]);
    unlike $r->body, qr/mallory/, '... nor twice';
    $r = front()->get('/app/http/x', Connection => $spelling, Authorization => initiator('alice')->authorization);
    is $r->status, 403, '... nor is ours taken away by Connection';
}
{
    my $connection = front();
    my $r = $connection->get('/app/persist/x', Authorization => initiator('alice')->authorization);
    is $r->header('Persistent-Auth'), 'true', 'AuthNegotiatePersist: Persistent-Auth is ours';
    $r = $connection->get('/app/persist/x');
    is told($r)->{remoteuser}, 'alice@EXAMPLE.TEST', '... and so it is';
    is_deeply [ $r->challenges ], [], '... no token without a token';
    is scalar(my @all = $r->header('Persistent-Auth')), 0, '... and nothing of the application\'s';
}

# --- WebSocket --------------------------------------------------------------------

for my $path (qw(socket upgrade)) {
    my $connection = front();
    my @upgrade = (Upgrade => 'websocket', Connection => 'Upgrade', 'Sec-WebSocket-Key' => 'eA==', 'Sec-WebSocket-Version' => 13);
    is front()->get("/app/$path/x", @upgrade)->status, 401, "WebSocket ($path): 401 without a token";
    $connection->send_raw($connection->format_request(GET => "/app/$path/x", [ Authorization => initiator('alice')->authorization, @upgrade ]));
    my $bytes = '';
    my $end   = time + 20;
    until ($bytes =~ /\r\n\r\n..GET .*\n\n/s || time > $end) { sysread $connection->socket, $bytes, 4096, length $bytes or last }
    like $bytes, qr{^HTTP/1\.1 101 }, '... 101 with one';
    like $bytes, qr{^RemoteUser: alice\@EXAMPLE\.TEST$}m, '... the application knows alice';
    unlike $bytes, qr{^Authorization:}mi, '... and sees no token';
    syswrite $connection->socket, "\x81\x85\0\0\0\0hello";
    sysread $connection->socket, my $echo, 4096;
    is $echo, "\x81\x85\0\0\0\0hello", '... frames pass';
}

# --- bodies -------------------------------------------------------------------------

{
    my $connection = front();
    $connection->send_raw($connection->format_request(POST => '/app/count/', [ Expect => '100-continue', 'Content-Length' => 100_000_000 ]));
    is $connection->read_response->status, 401, 'with Expect a 401 is answered before anything of 100 MB is sent';

    my $file = stage_dir() . '/body';
    open my $out, '>', $file or die "body: $!";
    truncate $out, 1_000_000;
    my $url = $front->url('/app/count/');
    for my $case ([ 'Content-Length', '-H', 'Expect:' ], [ 'Expect: 100-continue', '-H', 'Expect: 100-continue' ], [ 'chunked', '-H', 'Transfer-Encoding: chunked' ]) {
        my ($what, @args) = @$case;
        like curl(ccache('alice'), '--negotiate', '-u', ':', @args, '--data-binary', "\@$file", $url),
          qr/^BYTES=1000000\nAUTHORIZATION=\n/, "1 MB ($what)";
    }
    is curl(ccache('alice'), '--anyauth', '-u', ':', '-H', 'Expect: 100-continue', '--data-binary', "\@$file", '-w', '%{size_upload}', '-o', '/dev/null', $url),
      1_000_000, '... with Expect a 401 costs nothing of the body';
    truncate $out, 100_000_000;
    my @upload = (ccache('alice'), '--negotiate', '-u', ':', '-T', $file, '-X', 'POST');
    like curl(@upload, $url), qr/^BYTES=100000000\n/, '100 MB';
    like curl(@upload, '-H', 'Transfer-Encoding: chunked', $url), qr/^BYTES=100000000\n/, '100 MB, chunked';
  SKIP: {
        skip 'no HTTP/2 here', 2 if mpm() eq 'prefork' || curl(ccache('alice'), '--version') !~ /\bHTTP2\b/;
        like curl(@upload, '--http2-prior-knowledge', $url), qr/^BYTES=100000000\nAUTHORIZATION=\n/, '100 MB by HTTP/2';
        like curl(@upload, '--http2-prior-knowledge', $front->url('/app/count-h2/')), qr/^BYTES=100000000\nAUTHORIZATION=\n/,
          '... and to a backend by HTTP/2';
    }
}

is_deeply [ map { $_->log->crashes } $front, $back ], [], 'nobody died';
