# One protected page: the challenge, a ticket, the final token, and two clients
# that nobody here wrote.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use LWP::UserAgent;
use NegTest;

plan tests => 16;

my $page = '/auth/env.pl';

is http()->get('/plain/env.pl')->status, 200, 'a page without authentication';

{
    my $r = http()->get($page);
    is $r->status, 401, 'without a credential: 401';
    is_deeply [ $r->challenges ], ['Negotiate'], '... and one bare challenge';
}

for my $mech (qw(spnego krb5)) {
    my $gss = initiator('alice', mech => $mech);
    my $r   = http()->get($page, Authorization => $gss->authorization);
    is $r->status, 200, "a $mech token: 200";
    is $r->env->{REMOTE_USER}, 'alice@EXAMPLE.TEST', '... REMOTE_USER';
    is $r->env->{AUTH_TYPE},   'Negotiate',          '... AUTH_TYPE';
    ok $gss->finish($r) && $gss->mutual, '... the server has proven itself' or diag $gss->error;
}

{
    my $http = http(name => 'tls');
    my $r    = $http->get($page, Authorization => initiator('bob')->authorization);
    is $r->env->{REMOTE_USER}, 'bob@EXAMPLE.TEST', 'over TLS';
}

{
    my $output = curl(ccache('alice'), '--include', '--negotiate', '-u', ':', url($page));
    like $output, qr{^HTTP/1\.1 200 }m,                       'curl: 200';
    like $output, qr/^WWW-Authenticate: Negotiate \S{20,}/mi, '... with a final token';
    like $output, qr/^REMOTE_USER=alice\@EXAMPLE\.TEST$/m,    '... as alice';
}

{
    local $ENV{KRB5CCNAME} = ccache('bob');
    my $r = LWP::UserAgent->new(timeout => 30)->get(url($page));
    like $r->decoded_content, qr/^REMOTE_USER=bob\@EXAMPLE\.TEST$/m, 'LWP::Authen::Negotiate';
}
