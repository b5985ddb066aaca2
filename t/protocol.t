# RFC 4559 as clients see it: challenges, tokens on every kind of answer,
# exchanges of several legs and what carries them.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use NegTest;
use NegTest::Httpd 'mpm';
use NegTest::Spnego qw(mech_list neg_token_init neg_token_resp parse_neg_token_resp KRB5 UNKNOWN);

use constant REJECT => 'Negotiate oQcwBaADCgEC';

plan tests => 205;

my $page = '/auth/env.pl';

my $server = server(conf => <<'CONF');
    ScriptAliasMatch "^/[^/]+/env\.pl" "@stage@/cgi-bin/env.pl"
    ScriptAlias "/auth/broken" "@dir@/broken.pl"
    ScriptAlias "/auth/echo" "@dir@/echo.pl"
    Alias "/auth" "@dir@/auth"
    Alias "/other" "@dir@/auth"
    <Location "/auth">
        AuthType Negotiate
        AuthName "test"
        AuthNegotiateKeytab "@keytab@"
        Require valid-user
    </Location>
    <Location "/auth/nothing.asis">
        SetHandler send-as-is
    </Location>
    SetEnvIf X-Client broken nokeepalive
    # Another protection space on the same server.
    <Location "/other">
        AuthType Negotiate
        AuthName "another"
        AuthNegotiateKeytab "@keytab@"
        Require valid-user
    </Location>
    # The same space, other keys.
    <Location "/www">
        AuthType Negotiate
        AuthName "test"
        AuthNegotiateKeytab "@keytab@"
        AuthNegotiateAcceptor HTTP@www.example.test
        Require valid-user
    </Location>
    <Location "/persist">
        AuthType Negotiate
        AuthName "test"
        AuthNegotiateKeytab "@keytab@"
        AuthNegotiatePersist On
        Require valid-user
    </Location>
CONF
write_file('auth/index.html', "index\n");
write_file('auth/nothing.asis', "Status: 204 No Content\n\n");
write_file('broken.pl', "#!/bin/sh\nexit 1\n");
write_file('echo.pl', "#!/bin/sh\nprintf 'Content-Type: text/plain\\r\\n\\r\\n'; exec cat\n");
$server->start;

sub write_file {
    my ($name, $text) = @_;
    my $file = $server->dir . "/$name";
    mkdir $file =~ s{/[^/]+$}{}r;
    open my $out, '>', $file or die "$file: $!\n";
    print $out $text;
    close $out;
    chmod 0755, $file;
    return;
}

sub connection { return http(port => $server->port) }

# --- the challenge -----------------------------------------------------------

{
    my $http = connection();
    for my $method (qw(GET HEAD POST OPTIONS)) {
        my $r = $http->request($method, $page, [], $method eq 'POST' ? 'body' : undef);
        is $r->status, 401, "$method without a credential: 401";
        is_deeply [ $r->challenges ], ['Negotiate'], '... one line, bare, spelled as RFC 4559 does';
        is_deeply [ $r->header('Proxy-Authenticate') ], [], '... and none for a proxy';
    }
    my $log = $server->log->mark;
    $http->get($page);
    is_deeply [ $log->ours(qr/refused/) ], [], 'a first visit is no refusal';
}

# --- one leg, answered in kind -----------------------------------------------

for my $mech (qw(spnego krb5)) {
    my $http = connection();
    my $gss  = initiator('alice', mech => $mech);
    my $r    = $http->get($page, Authorization => $gss->authorization);
    is $r->status, 200, "$mech, without a challenge first: 200";
    is scalar(my @lines = $r->challenges), 1, '... one header line';
    my $is_spnego = parse_neg_token_resp($r->token) ? 1 : 0;
    is $is_spnego, $mech eq 'spnego' ? 1 : 0, '... answered in kind';
    is((parse_neg_token_resp($r->token) || {})->{state}, 'accept-completed', '... completed') if $is_spnego;
    ok $gss->finish($r) && $gss->mutual, '... the client verifies it';
    is $r->header('Cache-Control'), 'private', '... not every cache sees what the request had';

    $r = $http->get($page);
    is $r->status, 401, '... the next request on the connection proves nothing (Persist is off)';
    is_deeply [ $r->challenges ], ['Negotiate'], '... and is challenged';
}

# Without mutual authentication Kerberos has nothing to say; SPNEGO has.
{
    my $r = connection()->get($page, Authorization => initiator('alice', mech => 'krb5', mutual => 0)->authorization);
    is $r->status, 200, 'krb5 without mutual authentication: 200';
    is_deeply [ $r->challenges ], [], '... and no header, since GSSAPI gives no token';

    my $gss = initiator('alice', mutual => 0);
    $r = connection()->get($page, Authorization => $gss->authorization);
    is $r->status, 200, 'SPNEGO without mutual authentication: 200';
    my $answer = parse_neg_token_resp($r->token);
    is $answer->{state}, 'accept-completed', '... SPNEGO says that it is done';
    is $answer->{token}, undef, '... and holds no token of Kerberos';
    ok $gss->finish($r), '... the client takes it';
}

for my $scheme (qw(negotiate NEGOTIATE nEgOtIaTe)) {
    my $gss = initiator('bob');
    my $r   = connection()->get($page, Authorization => $gss->authorization =~ s/^Negotiate/$scheme/r);
    is $r->env->{REMOTE_USER}, 'bob@EXAMPLE.TEST', "the scheme's name as $scheme";
    is $r->env->{AUTH_TYPE}, 'Negotiate', '... AUTH_TYPE as it is configured';
    ok $gss->finish($r), '... a final token';
}

# --- the final token on whatever status follows --------------------------------

for (
    [ 200, GET  => '/auth/index.html' ],
    [ 200, HEAD => '/auth/index.html' ],
    [ 301, GET  => '/auth' ],
    [ 404, GET  => '/auth/missing' ],
    [ 404, HEAD => '/auth/missing' ],
    [ 500, GET  => '/auth/broken' ],
    [ 204, GET  => '/auth/nothing.asis' ],
    [ 200, POST => '/auth/echo', 'a body of some bytes' ],
    [ 206, GET  => '/auth/index.html', undef, Range => 'bytes=1-2' ],
    [ 304, GET  => '/auth/index.html', undef, 'If-None-Match' => '*' ],
  )
{
    my ($status, $method, $path, $body, @headers) = @$_;
    my $http = connection();
    my $gss  = initiator('alice');
    my $r    = $http->request($method, $path, [ Authorization => $gss->authorization, @headers ], $body);
    is $r->status, $status, "$method $path: $status";
    is scalar(my @lines = $r->challenges), 1, '... one header line';
    ok $gss->finish($r) && $gss->mutual, '... with the final token';
    is $r->body, $body, '... the body arrived' if defined $body;
    # httpd closes the connection after a 500.
    is $http->get('/auth/index.html')->status, 401, '... the connection goes on' if $status != 500;
}

# Proven and not allowed: the token, and no second try.
{
    my $gss = initiator('alice');
    my $r   = http()->get('/bob-only/env.pl', Authorization => $gss->authorization);
    is $r->status, 403, 'not allowed: 403';
    ok $gss->finish($r) && $gss->mutual, '... with the final token';
}

# A body that waits for permission, and one that is thrown away with the 401.
{
    my $http = connection();
    my $body = 'x' x 50_000;
    is $http->post('/auth/echo', $body)->status, 401, 'a large body without a credential: 401';
    my $r = $http->post('/auth/echo', $body, Authorization => initiator('alice')->authorization);
    is length $r->body, 50_000, '... and with one, on the same connection: echoed';
}

# --- several legs --------------------------------------------------------------

# Each plays a first leg: the token and, from the server's answer, the next one.
my %exchanges = (
    'SPNEGO without mechToken' => sub {
        my $krb5  = initiator('alice', mech => 'krb5');
        my @steps = (
            sub { neg_token_init(mechs => [KRB5]) },
            sub { neg_token_resp(token => $krb5->step) },
        );
        return { steps => \@steps, done => sub { $krb5->step(parse_neg_token_resp($_[0])->{token}); $krb5->mutual } };
    },
    'SPNEGO with request-mic' => sub {
        my $krb5  = initiator('alice', mech => 'krb5');
        my @mechs = (UNKNOWN, KRB5);
        my @steps = (
            sub { neg_token_init(mechs => \@mechs, token => 'junk') },
            sub { neg_token_resp(token => $krb5->step) },
            sub {
                $krb5->step(parse_neg_token_resp($_[0])->{token});
                return neg_token_resp(mic => $krb5->mic(mech_list(@mechs)));
            },
        );
        # The server's own MIC came before: it has nothing more to say.
        return { steps => \@steps, done => sub { !defined $_[0] && $krb5->mutual } };
    },
    map {
        my $mech = $_;
        ("DCE style $mech" => sub {
            my $gss  = initiator('alice', mech => $mech, dce => 1);
            my $step = sub { $gss->step($_[0]) };
            # The client has Kerberos' last word; SPNEGO confirms it.
            my $done = sub { $gss->step($_[0]) if defined $_[0]; $gss->complete && $gss->mutual };
            return { steps => [ $step, $step ], done => $done };
        });
    } qw(spnego krb5),
);

my $log = $server->log;
for my $name (sort keys %exchanges) {
    for my $path ($page, '/persist/env.pl') {
        my $http     = connection();
        my $exchange = $exchanges{$name}->();
        my @steps    = @{ $exchange->{steps} };
        my $r;
        $log->mark;
        for my $leg (1 .. $#steps) {
            $r = $http->get($path, Authorization => negotiate($steps[ $leg - 1 ]->($r && $r->token)));
            is $r->status, 401, "$name at $path, leg $leg: 401";
            is scalar(my @lines = $r->challenges), 1, '... one header line';
            ok length $r->token, '... with a token, alone';
        }
        $r = $http->get($path, Authorization => negotiate($steps[-1]->($r->token)));
        is $r->status, 200, "$name: 200 after " . @steps . ' legs';
        is $r->env->{REMOTE_USER}, 'alice@EXAMPLE.TEST', '... as alice';
        ok $exchange->{done}->($r->token), '... and the client is content';
        is_deeply [ $log->ours(qr/refused/) ], [], '... nothing is refused in between';
    }
}
is server_says_nothing_to_dce(), 1, 'no header after the last leg of DCE style Kerberos';

sub server_says_nothing_to_dce {
    my $gss  = initiator('alice', mech => 'krb5', dce => 1);
    my $http = connection();
    my $r    = $http->get($page, Authorization => $gss->authorization);
    $r = $http->get($page, Authorization => $gss->authorization($r->token));
    return $r->status == 200 && !$r->challenges;
}

# --- what carries a context ------------------------------------------------------

# One leg on one connection; gives the token for the next.
sub first_leg {
    my ($http, $path) = @_;
    my $gss = initiator('alice', dce => 1);
    my $r   = $http->get($path || $page, Authorization => $gss->authorization);
    die "no second leg: ", $r->head if $r->status != 401;
    return $gss->authorization($r->token);
}

sub refused_ok {
    my ($r, $cause, $what) = @_;
    is $r->status, 401, "$what: 401";
    is_deeply [ $r->challenges ], [REJECT], '... a SPNEGO reject';
    ok $log->wait_for(qr/Negotiate refused \(\Q$cause\E\): /), "... the log says $cause";
    $log->mark;
    return;
}

sub granted_ok {
    my ($http, $what) = @_;
    is $http->get($page, Authorization => initiator('bob')->authorization)->env->{REMOTE_USER},
      'bob@EXAMPLE.TEST', $what;
    return;
}

{
    my ($one, $two) = (connection(), connection());
    my $next = first_leg($one);
    refused_ok $two->get($page, Authorization => $next), 'continuation', 'the second leg on another connection';
    granted_ok $two, '... where a token from the start works';
    is $one->get($page, Authorization => $next)->status, 200, '... and the context is where it was';
    refused_ok $one->get($page, Authorization => $next), 'continuation', 'a last leg for the second time';
}
for (
    [ '/other/env.pl', 'a second leg in another protection space' ],
    [ '/www/env.pl',   'a second leg where other keys accept' ],
  )
{
    my ($path, $what) = @$_;
    my $http = connection();
    my $next = first_leg($http);
    refused_ok $http->get($path, Authorization => $next), 'continuation', $what;
    refused_ok $http->get($page, Authorization => $next), 'continuation', '... and back: the context is gone';
    granted_ok $http, '... a token from the start works';
}
{
    my $http = connection();
    my $next = first_leg($http);
    granted_ok $http, 'an abandoned leg does not disturb the next exchange';
    refused_ok $http->get($page, Authorization => $next), 'continuation', '... which ended it';
}
{
    my $http = connection();
    my $next = first_leg($http);
    is $http->get($page)->status, 401, 'a request without a credential between two legs: 401';
    is $http->get($page, Authorization => $next)->status, 200, '... does not end the exchange';
}
{
    my $http = connection();
    my $next = first_leg($http);
    is $http->get($page, Authorization => 'Negotiate !')->status, 401, 'junk between two legs';
    $log->mark;
    refused_ok $http->get($page, Authorization => $next), 'continuation', '... ends the exchange';
    granted_ok $http, '... and no more than that';
}
{
    my $http = connection();
    my $next = first_leg($http, '/persist/env.pl');
    is $http->get('/persist/env.pl')->status, 401, 'a half-open context grants nothing';
    is $http->get('/persist/env.pl', Authorization => $next)->status, 200, '... until it is complete';
    is $http->get('/persist/env.pl')->env->{NEGOTIATE_SOURCE}, 'connection', '... and then persists';
}

# Only HTTP/1.1 connections that stay open keep anything.
for (
    [ 'HTTP/1.0', '' ],
    [ 'HTTP/1.0', "Connection: keep-alive\r\n" ],
    [ 'HTTP/1.1', "Connection: close\r\n" ],
    [ 'HTTP/1.1', "X-Client: broken\r\n" ],
  )
{
    my ($protocol, $header) = @$_;
    my $http  = connection();
    my $start = initiator('alice', dce => 1)->authorization;
    my $what  = "a first leg on $protocol" . ($header ? ", $header" =~ s/\r\n//r : '');
    $log->mark;
    $http->send_raw("GET $page $protocol\r\nHost: localhost\r\n${header}Authorization: $start\r\n\r\n");
    refused_ok $http->read_response, 'connection', $what;
}
# A stream of HTTP/2 is no connection.
SKIP: {
    skip 'no HTTP/2 here', 4 if mpm() eq 'prefork' || curl(ccache('alice'), '--version') !~ /\bHTTP2\b/;
    my $main   = error_log();
    my @h2     = ('--include', '--http2', '--cacert', stage_dir() . '/tls/ca.crt');
    my $output = curl(ccache('alice'), @h2, '-H', 'Authorization: ' . negotiate(neg_token_init()), url($page, 'tls'));
    unlike $output, qr{^HTTP/2}m, 'a first leg on HTTP/2: no answer there';
    like $output, qr{^HTTP/1\.1 401.*^WWW-Authenticate: Negotiate \S{8}}ms, '... but on HTTP/1.1, and that goes on';
    ok $main->wait_for(qr/Negotiate refused \(connection\): /), '... the log says connection';
    $output = curl(ccache('alice'), @h2, '-H', 'Authorization: ' . initiator('alice')->authorization, url($page, 'tls'));
    like $output, qr{^HTTP/2 200.*^REMOTE_USER=alice\@EXAMPLE\.TEST$}ms, 'one leg is enough for HTTP/2: 200';
}
{
    my $http = connection();
    my $gss  = initiator('alice');
    $http->send_raw("GET $page HTTP/1.0\r\nHost: localhost\r\nAuthorization: " . $gss->authorization . "\r\n\r\n");
    my $r = $http->read_response;
    is $r->status, 200, 'one leg is enough for HTTP/1.0: 200';
    ok $gss->finish($r) && $gss->mutual, '... with a final token';
}

is_deeply [ $server->log->crashes ], [], 'nobody died';
