# Tickets of a real Active Directory.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use NegTest;
use NegTest::AD;

my $missing = NegTest::AD->missing;
plan skip_all => $missing if $missing;

my $ad = NegTest::AD->start(dir => stage_dir() . '/ad');
$ad->give_keytab(keytab('ad'));
my $server = server(env => { $ad->env }, conf => <<'CONF')->start;
ScriptAlias "/page" "@stage@/cgi-bin/env.pl"
<Location "/page">
    AuthType Negotiate
    AuthName "ad"
    AuthNegotiateKeytab "@stage@/keytab/ad.keytab"
    Require valid-user
</Location>
CONF

sub get {
    my ($user, $path, %opt) = @_;
    my $gss = $ad->initiator($user, %opt);
    return http(port => $server->port)->get($path, Authorization => $gss->authorization);
}

{
    my $r = get('alice', '/page');
    is $r->status, 200, 'alice of the directory opens a page';
    is $r->env->{REMOTE_USER}, 'alice@AD.EXAMPLE.TEST', '... by her name';
}

is_deeply [ $server->log->crashes ], [], 'nobody died';

done_testing;
