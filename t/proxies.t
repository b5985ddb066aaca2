# httpd as a proxy: forward, with a status and headers of its own (RFC 9110
# section 11.7), and reverse, where it is an origin server to its clients.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use NegTest;

use constant REJECT => 'Negotiate oQcwBaADCgEC';

plan tests => 31;

my $page = '/auth/env.pl';

# --- a forward proxy ---------------------------------------------------------

# A backend that shows what it was sent.
my $backend = server(conf => <<'CONF')->start;
    ScriptAliasMatch "^/[^/]+/env\.pl" "@stage@/cgi-bin/env.pl"
    <Location "/seen">
        Header echo ^(?:Proxy-)?Authorization$
    </Location>
CONF

my $proxy = server(conf => <<'CONF' =~ s{BACKEND}{$backend->url('/seen/')}er);
    ScriptAliasMatch "^/[^/]+/env\.pl" "@stage@/cgi-bin/env.pl"
    AuthNegotiateKeytab "@keytab@"
    ProxyRequests On
    AllowCONNECT 1-65535
    <Proxy "*">
        AuthType Negotiate
        AuthName "the proxy"
        Require valid-user
    </Proxy>
    # As a reverse proxy it is an origin server to its clients.
    <Location "/reverse">
        AuthType Negotiate
        AuthName "test"
        Require valid-user
    </Location>
    ProxyPass "/reverse/" "BACKEND"
CONF
$proxy->start;

sub to_proxy { return http(port => $proxy->port, host => 'localhost:' . port()) }

sub proxy_finish_ok {
    my ($gss, $r, $what) = @_;
    is scalar(my @lines = $r->header('Proxy-Authenticate')), 1, "$what: one Proxy-Authenticate";
    ok eval { $gss->step($r->token('Proxy-Authenticate')); $gss->mutual }, '... the proxy has proven itself';
    return;
}

my $log = $proxy->log;
{
    my $http = to_proxy();
    my $url  = url('/plain/env.pl');
    my $r    = $http->get($url);
    is $r->status, 407, 'a forward proxy: 407';
    is_deeply [ $r->header('Proxy-Authenticate') ], ['Negotiate'], '... one bare Proxy-Authenticate';
    is_deeply [ $r->challenges ], [], '... and no WWW-Authenticate';

    my $gss = initiator('alice');
    $r = $http->get($url, 'Proxy-Authorization' => $gss->authorization);
    is $r->status, 200, 'Proxy-Authorization: 200';
    is $r->env->{REMOTE_USER}, undef, '... the origin server hears nothing of it';
    is_deeply [ $r->challenges ], [], '... no WWW-Authenticate';
    proxy_finish_ok $gss, $r, '... the final token';

    is $http->get($url, Authorization => initiator('alice')->authorization)->status, 407,
      'Authorization is for the origin server, not for the proxy';

    $r = $http->get($backend->url('/seen/env.pl'),
        'Proxy-Authorization' => initiator('alice')->authorization);
    is $r->header('Proxy-Authorization'), undef, 'the proxy keeps its token to itself';
}
{
    my $http = to_proxy();
    my ($for_proxy, $for_origin) = (initiator('alice'), initiator('bob'));
    my $r = $http->get(url($page),
        'Proxy-Authorization' => $for_proxy->authorization, Authorization => $for_origin->authorization);
    is $r->env->{REMOTE_USER}, 'bob@EXAMPLE.TEST', 'one user at the proxy, another one behind it';
    proxy_finish_ok $for_proxy, $r, '... both answer';
    ok $for_origin->finish($r) && $for_origin->mutual, '... the origin server too';
}
{
    my $http = to_proxy();
    my $gss  = initiator('alice', dce => 1);
    my $r    = $http->get(url('/plain/env.pl'), 'Proxy-Authorization' => $gss->authorization);
    is $r->status, 407, 'two legs at a proxy: 407';
    $r = $http->get(url('/plain/env.pl'),
        'Proxy-Authorization' => $gss->authorization($r->token('Proxy-Authenticate')));
    is $r->status, 200, '... then 200';

    $log->mark;
    $r = $http->get(url('/plain/env.pl'), 'Proxy-Authorization' => negotiate('junk'));
    is $r->status, 407, 'junk for the proxy: 407';
    is_deeply [ $r->header('Proxy-Authenticate') ], [REJECT], '... a reject';
    ok $log->wait_for(qr/Negotiate refused \(malformed\)/), '... the log says malformed';
}
{
    my $http   = to_proxy();
    my $target = 'localhost:' . port();
    my $r      = $http->request(CONNECT => $target, []);
    is $r->status, 407, 'CONNECT: 407';
    is_deeply [ $r->header('Proxy-Authenticate') ], ['Negotiate'], '... one bare challenge';

    $http = to_proxy();
    my $gss = initiator('alice');
    $r = $http->request(CONNECT => $target, [ 'Proxy-Authorization' => $gss->authorization ]);
    is $r->status, 200, 'CONNECT with a token: 200';
    # mod_proxy_connect writes the head of this answer itself, without anybody's headers.
    is $http->get('/plain/env.pl')->status, 200, '... a tunnel';
    $r = $http->get($page, Authorization => initiator('bob')->authorization);
    is $r->env->{REMOTE_USER}, 'bob@EXAMPLE.TEST', '... through which the origin server is met';
}

# --- a reverse proxy ---------------------------------------------------------------

{
    my $http = http(port => $proxy->port);
    my $r    = $http->get('/reverse/env.pl');
    is $r->status, 401, 'a reverse proxy: 401';
    is_deeply [ $r->challenges ], ['Negotiate'], '... WWW-Authenticate';
    is_deeply [ $r->header('Proxy-Authenticate') ], [], '... not Proxy-Authenticate';
    is $http->get('/reverse/env.pl', 'Proxy-Authorization' => initiator('alice')->authorization)->status,
      401, '... Proxy-Authorization is nothing to it';
    my $gss = initiator('alice');
    $r = $http->get('/reverse/env.pl', Authorization => $gss->authorization);
    is $r->status, 200, '... Authorization is';
    ok $gss->finish($r) && $gss->mutual, '... the final token passes';
}

is_deeply [ map { $_->log->crashes } $backend, $proxy ], [], 'nobody died';
