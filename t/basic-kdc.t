# Passwords and a KDC that is not there, is slow, is another one, or has another key of ours.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use IO::Socket::INET;
use MIME::Base64 'encode_base64';
use NegTest;
use NegTest::KDC;
use NegTest::Ports 'free_port';
use NegTest::Process;
use NegTest::Stage;
use Time::HiRes qw(sleep time);

plan tests => 32;

my $dir = stage_dir() . '/basic-kdc';
mkdir $dir;
chmod 0711, $dir;

# --- a KDC of our own, and one that pretends to be it ---------------------------

my ($real, $false) = map {
    my $kdc = NegTest::KDC->start(dir => "$dir/$_");
    $kdc->add_principal('alice', password => 'secret-of-alice');
    $kdc->add_principal('HTTP/localhost');
    $kdc;
} qw(real false);

# Without an answer at once, whichever address is tried.
my $krb5_conf = "$dir/krb5.conf";
sub point_at {
    my ($port) = @_;
    my $kdc = bless { %$real, port => $port }, 'NegTest::KDC';
    return $kdc->write_krb5_conf($krb5_conf);
}
point_at($real->port);

my %keytab = map { $_ => keytab("basic-$_") } qw(good old);
$real->add_to_keytab($keytab{$_}, ['HTTP/localhost']) for qw(good old);
NegTest::Stage->give_to_httpd($_, 0600) for values %keytab;

my $locations = join '', map { "<Location /$_>\nAuthType Negotiate\nAuthName test\nAuthNegotiateKeytab $keytab{$_}\n"
      . "AuthNegotiateBasicProvider kerberos\nAuthNegotiateRequireTLS Off\nRequire valid-user\n</Location>\n" } sort keys %keytab;

my $mpm = <<'CONF';
<IfModule event.c>
    StartServers      1
    ServerLimit       2
    ThreadsPerChild   12
    MaxRequestWorkers 24
    MinSpareThreads   1
    MaxSpareThreads   24
</IfModule>
<IfModule prefork.c>
    StartServers      10
    ServerLimit       24
    MaxRequestWorkers 24
</IfModule>
CONF

my $server = server(env => { KRB5_CONFIG => $krb5_conf }, conf => <<"CONF")->start;
$mpm
ScriptAliasMatch "env\\.pl\$" "\@stage\@/cgi-bin/env.pl"
ErrorDocument 503 "later"
$locations
<Location /open>
    Require all granted
</Location>
<Location /under>
    AuthType Basic
    AuthName test
    AuthBasicProvider kerberos
    AuthNegotiateKeytab $keytab{good}
    AuthNegotiateRequireTLS Off
    Require valid-user
</Location>
CONF

sub get {
    my ($path, $password) = @_;
    return http(port => $server->port, timeout => 60)
      ->get("/$path/env.pl", defined $password ? (Authorization => 'Basic ' . encode_base64("alice:$password", '')) : ());
}

# httpd's children read krb5.conf once.
sub with_kdc {
    my ($port) = @_;
    point_at($port);
    $server->restart;
    $server->log->mark;
    return;
}

is get('good', 'secret-of-alice')->env->{REMOTE_USER}, 'alice@EXAMPLE.TEST', 'the right KDC';
{
    my @times = sort { $a <=> $b } map { my $t = time; get('good', 'secret-of-alice'); time - $t } 1 .. 9;
    diag sprintf 'one check with a new connection and a CGI: %.1f ms', 1000 * $times[4] if $ENV{NEG_FIGURES};
}

# --- our key, and theirs ---------------------------------------------------------

{
    $real->change_key('HTTP/localhost');
    $server->log->mark;
    my $r = get('old', 'secret-of-alice');
    is $r->status, 500, 'a keytab that is older than the key: 500, not another prompt';
    is_deeply [ $r->challenges ], [], '... without a challenge';
    ok $server->log->wait_for(qr/\[auth_negotiate:error\].*Basic refused \(unverified\): .*not for this server's key/), '... and said';
    is get('old', 'wrong')->status, 401, '... a wrong password is 401 all the same';
    unlink $keytab{good};
    $real->add_to_keytab($keytab{good}, ['HTTP/localhost']);
    NegTest::Stage->give_to_httpd($keytab{good}, 0600);
    is get('good', 'secret-of-alice')->status, 200, '... a new keytab needs no restart';
    rename $keytab{old}, "$keytab{old}.away";
    is get('old', 'secret-of-alice')->status, 500, 'a keytab that is gone: 500';
    ok $server->log->wait_for(qr/Basic refused \(keytab\)/), '... and said';
    rename "$keytab{old}.away", $keytab{old};
}
{
    with_kdc($false->port);
    my $r = get('good', 'secret-of-alice');
    is $r->status, 500, 'another KDC that knows the password: nobody enters';
    ok $server->log->wait_for(qr/Basic refused \(unverified\): .*something else answers in the KDC's place/), '... and why';
    like $false->log_text, qr/AS_REQ .* ISSUE: .* alice\@EXAMPLE\.TEST for krbtgt/, '... though it gave her a ticket';
    like $false->log_text, qr/TGS_REQ .* ISSUE: .* for HTTP\/localhost/, '... and one for us';
    is get('under', 'secret-of-alice')->status, 500, '... nor under mod_auth_basic';
    $false->delete_principal('HTTP/localhost');
    is get('good', 'secret-of-alice')->status, 500, '... nor if it does not know us';
}

# --- no KDC --------------------------------------------------------------------

{
    my $port = free_port();
    with_kdc($port);
    my $r = get('good', 'secret-of-alice');
    is $r->status, 503, 'no KDC: 503';
    is_deeply [ $r->challenges ], [], '... without a challenge';
    ok $r->header('Retry-After'), '... to be tried again';
    ok $server->log->wait_for(qr/\[auth_negotiate:error\].*Basic refused \(kdc\): no KDC answers/), '... and said';
    is get('under', 'secret-of-alice')->status, 500, '... 500 of mod_auth_basic, which knows no other';
    is get('good')->status, 401, '... who comes without a password is asked';
    with_kdc($real->port);
    is get('good', 'secret-of-alice')->status, 200, '... until it is back';
}

# --- a KDC that takes connections, and its time -----------------------------------

{
    my $port = free_port();
    my $silent = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 100, ReuseAddr => 1) or die "listen: $@";
    with_kdc($port);
    my $wait = 'GET /good/env.pl HTTP/1.1' . "\r\nHost: localhost\r\nAuthorization: Basic " . encode_base64('alice:secret-of-alice', '') . "\r\n\r\n";
    my @waiting = map { my $h = http(port => $server->port, timeout => 60); $h->send_raw($wait); $h } 1 .. 6;
    my %pending = map { fileno $_->socket => 1 } @waiting;
    my $select = IO::Select->new($silent);
    my @of_kdc;
    my $all = wait_until(sub { push @of_kdc, $silent->accept while $select->can_read(0); @of_kdc >= 6 }, 10);
    ok $all, 'six of 24 workers wait for a silent KDC';
    my $start = time;
    is get('open')->status, 200, '... the others serve';
    my $r = get('good', 'secret-of-alice');
    is $r->status, 503, '... the seventh password gets 503';
    cmp_ok time - $start, '<', 5, '... at once';
    ok $server->log->wait_for(qr/Basic refused \(busy\): 6 passwords/), '... and said';
    is get('good')->status, 401, '... who comes without one does not wait';

    # Restarted gracefully, the old children still wait, and still count.
    $server->restart(graceful => 1);
    $server->log->mark;
    is get('good', 'secret-of-alice')->status, 503, '... after a graceful restart, too';
    ok $server->log->wait_for(qr/Basic refused \(busy\)/), '... for the same reason';

    # A child that is killed gives back what it had.
    kill KILL => $_ for $server->children;
    $_->close for @waiting;
    my @again;
    my $free = wait_until(sub {
        my $h = eval { http(port => $server->port, timeout => 60) } or return 0;
        $h->send_raw($wait);
        push @again, $h;
        return !IO::Select->new($h->socket)->can_read(1);
    }, 15);
    ok $free, '... a killed child holds nothing';
    kill KILL => $_ for $server->children;
    close $_ for @of_kdc, $silent;
}
with_kdc($real->port);
is get('good', 'secret-of-alice')->status, 200, 'all is well in the end';
is scalar(grep { !/exit signal (?:Killed)/ } $server->log->crashes), 0, 'nobody died of it';
$server->stop;
$_->stop for $real, $false;
