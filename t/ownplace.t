# What httpd keeps in directories that others use, too: it is there as long as its owner lives, in
# whatever process namespace that is, and comes back when somebody has removed it.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use NegTest;
use NegTest::Stage;

plan tests => 17;

my $dir = stage_dir() . '/ownplace';
mkdir $_ for $dir, map { "$dir/$_" } qw(run ccaches);
chmod 0711, $dir;
NegTest::Stage->give_to_httpd("$dir/ccaches", 0700);

my $conf = <<"CONF";
DefaultRuntimeDir "$dir/run"
AuthNegotiateKeytab "\@keytab\@"
Alias "/kept" "\@documentroot\@"
<Location "/s4u">
    AuthType Negotiate
    AuthName test
    AuthNegotiateS4U2Proxy On HTTP\@nowhere.example.test
    AuthNegotiateDelegate "FILE:$dir/ccaches"
    Require valid-user
</Location>
<Location "/kept">
    AuthType Negotiate
    AuthName test
    AuthNegotiateDelegate "FILE:$dir/ccaches"
    AuthNegotiatePersist On
    Require valid-user
</Location>
CONF

sub places  { my @all = sort glob "$dir/run/negotiate-tickets.*"; return @all }
sub ccaches { my @all = sort glob "$dir/ccaches/krb5cc_*";        return @all }

my $server = server(conf => $conf)->start;
my ($place) = places();
like $place, qr{/negotiate-tickets\.\w{6}$}, 'a directory for its own tickets';

# --- in another process namespace -----------------------------------------------

SKIP: {
    my @unshare = qw(unshare --pid --fork --mount-proc);
    skip 'unshare(1) makes no process namespace here', 8 if $> || !run([ @unshare, 'true' ])->{ok};
    my @http = map { http(port => $server->port) } 1 .. 4;
    $_->get('/kept/plain.txt', Authorization => initiator('alice', delegate => 1)->authorization) for @http;
    my @kept = ccaches();
    is scalar @kept, 4, 'four delegated tickets';

    # Whose processes have the same few numbers each time, and see no others.
    my $other = server(conf => $conf, under => \@unshare)->start;
    my ($theirs) = grep { $_ ne $place } places();
    ok -d $place && $theirs, 'a second httpd has one of its own, and leaves the first one\'s';
    my $http = http(port => $other->port);
    is $http->get('/kept/plain.txt', Authorization => initiator('bob', delegate => 1)->authorization)->status, 200, '... and stores a ticket';
    my %ours = map { $_ => 1 } @kept;
    is_deeply [ grep { $ours{$_} } ccaches() ], \@kept, '... those of the first one stay';
    my ($bob) = grep { !$ours{$_} } ccaches();
    like $bob, qr/krb5cc_negotiate_1_/, '... beside it';

    my $third = server(conf => $conf, under => \@unshare)->start;
    my $another = http(port => $third->port);
    is $another->get('/kept/plain.txt', Authorization => initiator('bob', delegate => 1)->authorization)->status, 200, '... and a third, with the same numbers';
    ok -e $bob && -d $theirs, '... leaves those of the second';
    kill KILL => $_->children for $other, $third;    # unshare(1) only waits for them
    wait_until(sub { !$other->running && !$third->running }, 10);
    $server->restart(graceful => 1);
    ok wait_until(sub { !-e $bob }, 10), '... until that is killed';
}

# --- somebody removes it ----------------------------------------------------------

rmdir $place or die "$place: $!";
ok wait_until(sub { -d $place }, 30), 'removed by somebody, it comes back';
my @stat = stat $place;
is sprintf('%04o', $stat[2] & 07777), '0700', '... for its owner alone';
ok $server->log->wait_for(qr/somebody has removed the directory for this server's own ticket, .* made anew/), '... which is told';
my $next = server(conf => $conf)->start;
ok -d $place, '... and is known to be alive';
$next->stop;
rmdir $place;
$server->restart(graceful => 1);
ok -d $place, '... as it is at a graceful restart';
$server->stop;
is_deeply [ grep { $_ eq $place } places() ], [], 'it goes with its httpd';
$server->start;
is scalar places(), 1, 'what the killed ones have left goes, too';
is_deeply [ $server->log->crashes ], [], 'nobody died';
