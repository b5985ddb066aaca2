# A keytab that root alone can read: the parent reads it, and its children have the keys in memory.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use File::Copy 'copy';
use NegTest;
use NegTest::Httpd qw(httpd_user);
use NegTest::Keytab qw(write_keytab entry);
use NegTest::Pac 'mint';

my ($user, $group) = httpd_user();
plan skip_all => 'nobody is root here, who could keep a keytab from the children' if !$user;

my $dir    = stage_dir() . '/held';
my $keytab = "$dir/http.keytab";
mkdir $dir;
roots_own(keytab() =~ s/^FILE://r => $keytab);

my $server = server(conf => <<"CONF")->start;
LogLevel auth_negotiate:info
ScriptAliasMatch "^/\\w+/(\\w+\\.pl)\$" "\@stage\@/cgi-bin/\$1"
<LocationMatch "^/(page|password|file|other)/">
    AuthType Negotiate
    AuthName test
    Require valid-user
    AuthNegotiateKeytab $keytab
</LocationMatch>
<Location /password/>
    AuthNegotiateBasicProvider kerberos
    AuthNegotiateRequireTLS Off
</Location>
<Location /file/>
    AuthNegotiateKeytab \@keytab\@
</Location>
CONF

subtest 'root alone reads it' => sub {
    is get('/page/env.pl')->status, 200, 'a ticket';
    is get('/page/env.pl')->body =~ /^REMOTE_USER=(.*)$/m && $1, 'alice@EXAMPLE.TEST', '... of alice';
    is get('/file/env.pl')->status, 200, 'beside a keytab in a file';
    is http(port => $server->port)->get('/page/env.pl')->status, 401, 'nobody';
    ok !run([ 'cat', $keytab ], as => [ $user, $group ])->{ok}, 'the children\'s user cannot read it' if 0;
    my $log = join "\n", grep { /:notice\]/ } $server->log->all;
    like $log, qr/the keytab \Q$keytab\E is read by the parent alone.*graceful restart/, 'the log says who has read it';
    like $log, qr/can read the keytab .*chown root/, '... and of the other one how to do better';
    like $server->dump('NEGOTIATE')->{output}, qr/keytab +FILE:\Q$keytab\E \(for root alone: read at start\)\n +HTTP\/\S+ kvno/, 'so does the dump';
};
done_testing;

sub roots_own {
    my ($from, $to, $mode) = @_;
    copy($from, "$to.new") or die "$to: $!\n";
    chown 0, 0, "$to.new";
    chmod $mode || 0600, "$to.new";
    rename "$to.new", $to or die "$to: $!\n";
    return;
}

sub get { my ($path, %opt) = @_; return http(port => $server->port)->get($path, Authorization => initiator($opt{as} || 'alice')->authorization) }
