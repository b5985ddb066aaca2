# HTTP/2: every stream has an identity of its own, a connection keeps none, and what needs a second
# leg is sent to HTTP/1.1.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Digest::SHA 'sha256';
use NegTest;
use NegTest::H2;
use NegTest::Httpd 'mpm';
use NegTest::Ports 'free_port';
use NegTest::Spnego qw(neg_token_init neg_token_resp KRB5 UNKNOWN);

use constant { USERS => 8, CONNECTIONS => 4, ROUNDS => 8, STREAMS => 40 };
use constant { REJECT => 'Negotiate oQcwBaADCgEC', REQUIRED => NegTest::H2::HTTP_1_1_REQUIRED };

plan skip_all => 'mod_http2 wants another MPM than prefork' if mpm() eq 'prefork';
plan skip_all => 'Protocol::HTTP2 is missing (Debian: libprotocol-http2-perl)' if !NegTest::H2::is_available();

my @users = map { "stream$_" } 1 .. USERS;
kdc()->add_principal($_, password => $_) for @users;
ccache($_) for @users, 'alice', 'bob';

my $tls_port = free_port();
my $ca_file  = stage_dir() . '/tls/ca.crt';
my $server   = server(conf => configuration());
put('who.shtml', '<!--#echo var="REMOTE_USER" -->|<!--#echo var="GSS_NAME" -->|<!--#echo var="NEGOTIATE_SOURCE" -->');
put('twice.shtml', '<!--#include virtual="/persist/who.shtml" -->', '<!--#include virtual="/auth/who.shtml" -->');
put('error.html', 'the page for errors');
$server->start;
my @children = $server->children;

plan tests => 76;

sub configuration {
    return <<"CONF";
Protocols h2c http/1.1
Listen 127.0.0.1:$tls_port
LogLevel auth_negotiate:info
ScriptAliasMatch "^/[^/]+/env\\.pl\$" "\@stage\@/cgi-bin/env.pl"
AliasMatch "^/[^/]+/(\\w+\\.s?html)\$" "\@dir\@/\$1"
<Directory "\@dir\@">
    Options +Includes
</Directory>
AuthNegotiateKeytab "\@keytab\@"
<LocationMatch "^/(?!open)">
    AuthType Negotiate
    AuthName "one"
    Require valid-user
</LocationMatch>
<LocationMatch "^/(persist|delegate)">
    AuthNegotiatePersist On
</LocationMatch>
<Location "/delegate">
    AuthNegotiateDelegate "FILE:\@stage\@/delegated"
</Location>
<Location "/once">
    AuthNegotiateOffer once
</Location>
<Location "/bound">
    AuthNegotiateChannelBinding require
</Location>
<Location "/tls">
    AuthNegotiateRequireTLS On
</Location>
<Location "/page">
    ErrorDocument 401 /open/error.html
    ErrorDocument 403 /open/error.html
</Location>
<Location "/elsewhere">
    ErrorDocument 403 http://127.0.0.1:1/
</Location>
@{[ NegTest::H2::host($tls_port) ]}
CONF
}

sub put {
    my ($name, @lines) = @_;
    open my $out, '>', $server->dir . "/$name" or die "$name: $!\n";
    print $out map { "$_\n" } @lines;
    close $out;
    return;
}

sub h2  { return NegTest::H2->new(port => $tls_port, tls => 1, ca_file => $ca_file) }
sub h2c { return NegTest::H2->new(port => $server->port) }
sub h1  { return NegTest::HTTP->new(port => $tls_port, tls => 1, ca_file => $ca_file) }
sub token { my ($who, %opt) = @_; return (Authorization => initiator($who, %opt)->authorization) }

# The frame's configuration keeps the number of children for this MPM alone.
sub children_now { return mpm() eq 'event' ? $server->children : @children }

# The user whom the page saw, or what came instead of a page.
sub user {
    my ($r) = @_;
    return 'reset ' . $r->reset if $r->can('reset') && defined $r->reset;
    return $r->status           if $r->status != 200;
    return join ' ', map { /^([^|\s]+)\|/ ? $1 : () } split /\n/, $r->body if $r->body =~ /\|/;
    return $r->env->{REMOTE_USER} || '(none)';
}

my ($ALICE, $BOB) = map { "$_\@EXAMPLE.TEST" } qw(alice bob);

# --- one leg -------------------------------------------------------------------

for my $kind ([ 'h2', \&h2 ], [ 'h2c', \&h2c ]) {
    my ($name, $connect) = @$kind;
    my $h2 = $connect->();
    is_deeply [ $h2->get('/auth/env.pl')->challenges ], ['Negotiate'], "$name: the client is asked";
    for my $mech (qw(spnego krb5)) {
        my $gss = initiator('alice', mech => $mech);
        my $r   = $h2->get('/auth/env.pl', Authorization => $gss->authorization);
        is user($r), $ALICE, "$name: $mech in one leg";
        ok $gss->finish($r) && $gss->mutual, '... and the server has proven itself';
    }
    my ($with, $without) = $h2->streams([ '/persist/env.pl', token('alice') ], ['/persist/env.pl']);
    is user($with), $ALICE, "$name: Persist On, with a token";
    is $with->env->{NEGOTIATE_SOURCE}, 'header', '... by the token';
    is $with->header('Persistent-Auth'), undef, '... and nobody says that it lasts';
    is user($without), 401, '... nothing for the stream beside it';
    is user($h2->get('/persist/env.pl')), 401, '... nor for a later one';
    is user($h2->get('/persist/env.pl', token('bob'))), $BOB, '... bob can come';
}

{
    my $h2 = h2();
    is user($h2->get('/tls/env.pl', token('alice'))), $ALICE, 'RequireTLS: a stream has its connection\'s TLS';
    is user(h2c()->get('/tls/env.pl', token('alice'))), 403, '... or none';
    my $bound = 'tls-server-end-point:' . sha256(h1()->peer_certificate);
    is user($h2->get('/bound/env.pl', token('alice', bindings => $bound))), $ALICE, '... and its channel bindings';
    is user($h2->get('/bound/env.pl', token('alice'))), 401, '... which can be required';

    is user($h2->get('/once/env.pl', Authorization => negotiate('junk'))), 401, 'Offer once: a failure';
    is user($h2->get('/once/env.pl')), 401, '... is no other stream\'s';

    my @both = $h2->streams(map { [ '/delegate/env.pl', token($_, delegate => 1) ] } qw(alice bob alice));
    is_deeply [ map { user($_) } @both ], [ $ALICE, $BOB, $ALICE ], 'delegation on parallel streams';
    my %file = map { ($_->env->{KRB5CCNAME} || 'none') => 1 } @both;
    is scalar(keys %file), 3, '... with a file for each';
    # mod_http2 may keep what a stream had until the connection is next used.
    is user($h2->get('/open/env.pl')), '(none)', '... and afterwards';
    wait_until(sub { !grep { -e s/^FILE://r } keys %file }, 5);
    is_deeply [ grep { -e s/^FILE://r } keys %file ], [], '... none of them is there any more';
}

# --- many streams of many users -------------------------------------------------

# The kinds of streams that one connection has at once, in an order of chance.
sub a_stream {
    my ($used) = @_;
    my $user = $users[ rand @users ];
    my $dice = rand;
    my $name = (qw(persist auth))[ rand 2 ];
    return { what => 'without', expect => 401, request => ["/$name/who.shtml"] } if $dice < 0.35;
    return { what => 'junk', expect => 401, request => [ "/$name/who.shtml", Authorization => negotiate('junk') ] } if $dice < 0.4;
    return { what => 'replay', expect => 401, request => [ "/$name/who.shtml", Authorization => $used ] } if $dice < 0.45;
    return { what => 'two legs', expect => 'reset ' . REQUIRED,
        request => [ "/$name/who.shtml", Authorization => negotiate(neg_token_init(mechs => [KRB5])) ] } if $dice < 0.5;
    my $page  = rand() < 0.2 ? 'twice' : 'who';
    my $whole = "$user\@EXAMPLE.TEST";
    return { what => 'token', expect => $page eq 'twice' ? "$whole $whole" : $whole,
        request => [ "/$name/$page.shtml", token($user) ] };
}

sub run_connection {
    my ($number) = @_;
    srand 2000 + $number;
    my (%count, @wrong);
    my $h2 = h2();
    my ($used) = (token('alice'))[1];
    user($h2->get('/auth/who.shtml', Authorization => $used)) eq $ALICE or die "alice could not come\n";
    for (1 .. ROUNDS) {
        my @streams = map { a_stream($used) } 1 .. STREAMS;
        my @answers = $h2->streams(map { $_->{request} } @streams);
        for my $i (0 .. $#streams) {
            my ($stream, $r) = ($streams[$i], $answers[$i]);
            $count{ $stream->{what} }++;
            push @wrong, "$stream->{what}: " . user($r) . " instead of $stream->{expect}" if user($r) ne $stream->{expect};
            push @wrong, 'Persistent-Auth' if defined $r->header('Persistent-Auth');
            push @wrong, 'by the connection' if $r->body =~ /\|connection$/m;
        }
    }
    return { count => \%count, wrong => \@wrong };
}

{
    my @results = in_parallel(CONNECTIONS, \&run_connection);
    is_deeply [ map { $_->{error} || () } @results ], [], CONNECTIONS . ' connections at once';
    my @wrong = map { @{ $_->{wrong} || [] } } @results;
    is scalar(@wrong), 0, CONNECTIONS * ROUNDS * STREAMS . ' streams of ' . USERS . ' users: each its own user'
      or diag join "\n", @wrong[ 0 .. ($#wrong > 9 ? 9 : $#wrong) ];
    for my $what ('token', 'without', 'junk', 'replay', 'two legs') {
        my $n = 0;
        $n += $_->{count}{$what} || 0 for @results;
        cmp_ok $n, '>', 20, "... $n: $what";
    }
    is_deeply [ children_now() ], \@children, '... and no child has been replaced';
}

# --- a second leg ----------------------------------------------------------------

my %first = (
    'no mechToken'      => sub { negotiate(neg_token_init(mechs => [KRB5])) },
    'an unknown first'  => sub { negotiate(neg_token_init(mechs => [ UNKNOWN, KRB5 ], token => 'junk')) },
    'DCE style'         => sub { initiator('alice', dce => 1)->authorization },
);
for my $what (sort keys %first) {
    my $h2  = h2();
    my $log = $server->log->mark;
    my @r   = $h2->streams([ '/auth/env.pl', token('alice') ], [ '/auth/env.pl', Authorization => $first{$what}->() ],
        [ '/auth/env.pl', token('bob') ]);
    is user($r[1]), 'reset ' . REQUIRED, "$what: the stream is reset with HTTP_1_1_REQUIRED";
    is user($r[0]), $ALICE, '... the one before is answered';
    is user($r[2]), $BOB, '... the one behind too';
    is user($h2->get('/auth/env.pl', token('bob'))), $BOB, '... and the connection goes on';
}
{
    my $log = $server->log->mark;
    my $dce = initiator('alice', dce => 1);
    is user(h2()->get('/persist/env.pl', Authorization => $dce->authorization)), 'reset ' . REQUIRED, 'Persist On: the same';
    my ($line) = $log->wait_for(qr/\(connection\)/);
    like $line || '', qr/come back with HTTP\/1\.1/, '... and the log says so';

    my $gss = initiator('alice', dce => 1);
    my $r   = $gss->fetch(h1(), '/persist/env.pl');
    is user($r), $ALICE, 'the same exchange on HTTP/1.1 ends well';
    is $r->header('Persistent-Auth'), 'true', '... and lasts';
}
for my $name (qw(page elsewhere)) {
    is user(h2()->get("/$name/env.pl", Authorization => $first{'no mechToken'}->())), 'reset ' . REQUIRED,
      "an ErrorDocument ($name) changes nothing";
}
is user(h2c()->get('/auth/env.pl', Authorization => $first{'no mechToken'}->())), 'reset ' . REQUIRED, 'h2c: the same';

# A proxy that speaks HTTP/2 with us could not change.
for my $between ([ Via => '2 proxy' ], [ 'X-Forwarded-For' => '192.0.2.1' ]) {
    my $r = h2()->get('/auth/env.pl', Authorization => $first{'no mechToken'}->(), @$between);
    is user($r), 401, "$between->[0]: not reset";
    is_deeply [ $r->challenges ], [REJECT], '... but refused';
}
is user(h2()->get('/open/env.pl', Authorization => $first{'no mechToken'}->())), '(none)', 'an open page does not care';

{
    my $h1  = h1();
    my $gss = initiator('alice', dce => 1);
    my $r   = $h1->get('/auth/env.pl', Authorization => $gss->authorization);
    my $second = $gss->authorization($r->token);
    is user(h2()->get('/auth/env.pl', Authorization => $second)), 401, 'a second leg on HTTP/2: refused';
    is user($h1->get('/auth/env.pl', Authorization => $second)), $ALICE, '... where it was begun it is good';
}

# --- curl ------------------------------------------------------------------------

SKIP: {
    skip 'curl has no HTTP/2 here', 8 if run([ 'curl', '--version' ])->{output} !~ /HTTP2/;
    my @h2   = ('--http2', '--cacert', $ca_file, '--include');
    my $base = "https://localhost:$tls_port";
    my $text = curl(ccache('alice'), @h2, '--negotiate', '-u', ':', "$base/auth/env.pl");
    like $text, qr{^HTTP/2 200}m, 'curl --negotiate: one leg on HTTP/2';
    like $text, qr/^REMOTE_USER=\Q$ALICE\E$/m, '... alice';

    my $offer = $first{'no mechToken'}->();
    $text = curl(ccache('alice'), @h2, '--verbose', '-H', "Authorization: $offer", "$base/auth/env.pl");
    like $text, qr{^> GET .* HTTP/2}m, 'curl with an offer of its own: begins with HTTP/2';
    like $text, qr{^HTTP/1\.1 401}m, '... comes back with HTTP/1.1';
    like $text, qr{^WWW-Authenticate: Negotiate \S{8}}m, '... and gets the token for its next leg';
    unlike $text, qr{^HTTP/2}m, '... after no answer on HTTP/2';

    $text = curl(ccache('alice'), @h2, '-H', "Authorization: $offer", "$base/persist/env.pl", '--next', '-q', '--silent',
        @h2, '--negotiate', '-u', ':', "$base/persist/env.pl");
    like $text, qr{^HTTP/1\.1 401.*^HTTP/(?:2|1\.1) 200}ms, 'curl goes on afterwards';
    like $text, qr/^REMOTE_USER=\Q$ALICE\E$/m, '... as alice';
}

is_deeply [ children_now() ], \@children, 'no child has been replaced';
is_deeply [ $server->log->crashes ], [], '... or died';
