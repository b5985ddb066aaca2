# The tickets that are kept for backends: one that the backend takes no longer is forgotten. And a
# backend that proves itself and asks once more all the same.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use NegTest;
use NegTest::Keytab qw(read_keytab write_keytab);
use NegTest::Stage;

plan tests => 11;

my $service = 'HTTP/backtickets.example.test';
my $keytab  = keytab('backtickets');
kdc->add_principal($service);
kdc->add_to_keytab($keytab, [$service]);
NegTest::Stage->give_to_httpd($keytab, 0600);

my $dir = stage_dir() . '/backtickets';
mkdir $dir;
open my $script, '>', "$dir/again" or die $!;
print $script "#!/bin/sh\nprintf 'Status: 401 Unauthorized\\nContent-Type: text/plain\\n\\nagain'\n";
close $script;
chmod 0755, $dir, "$dir/again";

my $back = server(conf => <<"CONF")->start;
ScriptAliasMatch "env\\.pl\$" "\@stage\@/cgi-bin/env.pl"
AuthNegotiateKeytab "$keytab"
<Location "/">
    AuthType Negotiate
    AuthName back
    Require valid-user
</Location>
ScriptAlias "/again" "$dir/again"
CONF

# One child, whose memory it is.
my $front = server(conf => <<"CONF")->start;
StartServers 1
ServerLimit 1
<IfModule event.c>
    ThreadsPerChild 10
    MaxRequestWorkers 10
    MinSpareThreads 1
</IfModule>
<IfModule prefork.c>
    MaxRequestWorkers 1
</IfModule>
AuthNegotiateKeytab "\@keytab\@"
<Location "/back">
    AuthType Negotiate
    AuthName front
    AuthNegotiateProxyService HTTP\@backtickets.example.test
    Require valid-user
    ProxyPass "@{[ $back->url('') ]}"
</Location>
CONF

sub ask {
    my ($path) = @_;
    return http(port => $front->port)->get($path, Authorization => initiator('alice', delegate => 1)->authorization);
}

is ask('/back/env.pl')->env->{REMOTE_USER}, 'alice@EXAMPLE.TEST', 'alice at the backend' for 1 .. 2;

# --- 401 of a backend that has proven itself ----------------------------------------

{
    my $r = ask('/back/again');
    is $r->status, 502, 'a backend that accepts the token, and then answers 401: 502';
    is_deeply [ grep { /Basic|^Negotiate$/ } $r->challenges ], [], '... and its challenge does not come through';
    ok $front->log->wait_for(qr/\(backend\): .*it has accepted the token, and then answered 401/), '... which is told';
    is http(port => $back->port)->get('/again', Authorization => NegTest::Initiator->new(ccache => ccache('alice'), target => "$service\@EXAMPLE.TEST")->authorization)->status,
      401, '... it does so indeed';
}
is ask('/back/env.pl')->env->{REMOTE_USER}, 'alice@EXAMPLE.TEST', 'alice at the backend, as before';

# --- its key is changed -------------------------------------------------------------

my %old = map { $_->{kvno} => 1 } read_keytab($keytab);
kdc->add_to_keytab($keytab, [$service], change_key => 1);
write_keytab($keytab, grep { !$old{ $_->{kvno} } } read_keytab($keytab));
NegTest::Stage->give_to_httpd($keytab, 0600);
is ask('/back/env.pl')->status, 502, 'the backend has another key: the ticket that is kept is of no use';
is ask('/back/env.pl')->env->{REMOTE_USER}, 'alice@EXAMPLE.TEST', '... and is forgotten: the next request has a new one' for 1 .. 2;
is_deeply [ map { $_->log->crashes } $front, $back ], [], 'nobody died';
